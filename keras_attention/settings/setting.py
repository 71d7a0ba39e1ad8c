"""Declaration of settings: default, explanation and accepted values, in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from keras_attention.errors import SettingError, check_names

LARGEST = 2**31 - 1
"""The largest value of an integer setting that declares no maximum: the largest int32."""

_KINDS = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "a string of valid Unicode",
}


@dataclass(frozen=True)
class Setting:
    """A setting: its name, default, explanation and accepted values.

    Args:
        key: the name; in a recipe with its section, such as `model.units`.
        default: the default, of the type that values have; `MISSING` if there is none.
        doc: the explanation, a few words without a full stop.
        choices: the strings that are accepted; an empty tuple accepts any string.
        minimum: the smallest number that is accepted.
        maximum: the largest number that is accepted; for an integer 2,147,483,647 by default.
        above: an exclusive lower limit, in place of `minimum`.
        below: an exclusive upper limit, in place of `maximum`.
        numbers: whether a string setting also accepts an integer, which it converts.
        unset: the number that a recipe writes for a default of `None`, because TOML has no `None`.
        kind: the type of the values if the default does not show it.
        other: a function that returns whether to accept a value of a different type unchanged.
        other_doc: that other type in words, for the error message of `choices`.

    Example:
        >>> Setting("training.epochs", 3, "passes over the training pairs", minimum=1).expected
        'an integer of at least 1'
        >>> Setting("model.units", 512, "width of a state", minimum=1, maximum=9).expected
        'an integer of at least 1 and at most 9'
    """

    key: str
    default: Any
    doc: str
    choices: Collection[str] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    numbers: bool = False
    unset: Any = None
    kind: type | None = None
    other: Callable[[object], bool] | None = None
    other_doc: str = ""

    @property
    def expected(self) -> str:
        """The accepted values, in words."""
        if self.choices:
            names = "one of " + ", ".join(map(repr, self.choices))
            return f"{names}, or {self.other_doc}" if self.other_doc else names
        return self._describe(self.maximum)

    @property
    def optional(self) -> bool:
        """Whether the setting may be left unset, so that its value follows from other settings."""
        return self.default is None or self.unset is not None

    def check(self, value: object) -> Any:
        """Return the value, checked and converted to the type of the setting."""
        if self.optional and (value is None or self._is_unset(value)):
            return self.default
        if self.other is not None and self.other(value):
            return value
        accepted = self._convert(value)
        if accepted is None or not self._in_range(accepted):
            self._refuse(value, self.expected)
        if type(accepted) is int and self.below is None and accepted > LARGEST:
            self._refuse(value, self._describe(LARGEST))
        return accepted

    def _refuse(self, value: object, expected: str) -> None:
        raise SettingError(self.key, f"must be {expected}. Received: {self.key}={_shown(value)}.")

    def _describe(self, maximum: float | None) -> str:
        limits = {
            "of at least": self.minimum,
            "above": self.above,
            "at most": maximum,
            "below": self.below,
        }
        words = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
        described = " ".join([_KINDS[self._type], " and ".join(words)]).rstrip()
        return f"{described}, or {self.default} (unset)" if self.optional else described

    @property
    def _type(self) -> type:
        return self.kind or type(self.default)

    def _is_unset(self, value: object) -> bool:
        return isinstance(value, Real) and not isinstance(value, bool) and value == self.unset

    def _convert(self, value: object) -> Any:
        """Return the value in the type of the setting, or None if it has a different type."""
        if isinstance(value, bool):  # in Python, a bool is an int too
            return value if self._type is bool else None
        if self._type is float and isinstance(value, Real):
            return _as_float(value)
        if isinstance(value, Integral):
            return int(value) if self._type is int else str(value) if self.numbers else None
        return value if type(value) is self._type else None

    def _in_range(self, value: Any) -> bool:
        if isinstance(value, str):
            return _is_unicode(value) and (not self.choices or value in self.choices)
        return (
            (isinstance(value, int) or math.isfinite(value))
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def setting(default: Any, doc: str, **limits: Any) -> Any:
    """Return a dataclass field that declares a `Setting`, with its explanation and limits."""
    return field(default=default, metadata={"doc": doc, **limits})


def redeclare(owner: type[Settings], name: str, **changes: Any) -> Any:
    """Return a copy of the field `name` of another class, with changes such as a new default."""
    known = next(item for item in fields(owner) if item.name == name)
    default = changes.pop("default", known.default)
    return field(default=default, metadata={**known.metadata, **changes})


@dataclass(frozen=True)
class Settings:
    """Base class of dataclasses whose fields are settings and are checked on creation."""

    def __new__(cls, *args: Any, **arguments: Any) -> Any:
        """Check the names of the arguments before `__init__` does, to suggest the nearest name."""
        cls.check_names(arguments)
        return super().__new__(cls)

    @classmethod
    def check_names(cls, arguments: Iterable[str], *others: str) -> None:
        """Check that the names of arguments are fields of the class or one of `others`."""
        check_names(arguments, [*(item.name for item in fields(cls)), *others])

    @classmethod
    def settings(cls) -> Iterator[Setting]:
        """Yield the settings in the order in which they are declared."""
        for item in fields(cls):
            if "doc" in item.metadata:
                yield Setting(item.name, item.default, **item.metadata)

    @classmethod
    def split(cls, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Split the arguments into those that are fields of the class and the others."""
        names = {item.name for item in fields(cls)}
        own = {name: value for name, value in arguments.items() if name in names}
        return own, {name: value for name, value in arguments.items() if name not in names}

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield the name (without its section) and the value of each setting."""
        for known in self.settings():
            name = known.key.rpartition(".")[2]
            yield name, getattr(self, name)

    def __post_init__(self) -> None:
        """Check every value, then their combinations."""
        for known, (name, value) in zip(self.settings(), list(self.values()), strict=True):
            object.__setattr__(self, name, known.check(value))
        self.check_together()

    def check_together(self) -> None:
        """Check settings that depend on each other, after each has been checked alone."""


def _shown(value: object) -> str:
    """Return a value as text; Python refuses to print an integer of thousands of digits."""
    try:
        return repr(value)
    except ValueError:
        return "an integer of thousands of digits"


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_unicode(text: str) -> bool:
    # Undecodable bytes on the command line arrive as surrogates, which TOML cannot store.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
