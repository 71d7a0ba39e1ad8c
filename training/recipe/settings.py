"""What a setting of a recipe may be, said once: for checks, messages and help."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from keras_attention.errors import InputError
from keras_attention.settings.setting import LARGEST

_KINDS = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "a string of valid Unicode",
}

_NEAR = 0.6
"""How like a known name a mistaken one must be, in [0, 1]; the default of `difflib`."""


@dataclass(frozen=True)
class Setting:
    """One value of a recipe: its dotted key, its default, and what it may be.

    An integer without a `maximum` of its own is at most 2,147,483,647. Where `numbers` is true, a
    string may be written as an integer.

    Example:
        >>> Setting("training.epochs", 3, "passes over the training pairs", minimum=1).expected
        'an integer of at least 1'
        >>> Setting("model.units", 512, "width of a state", minimum=1, maximum=9).expected
        'an integer of at least 1 and at most 9'
    """

    key: str
    default: Any
    doc: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    numbers: bool = False

    @property
    def expected(self) -> str:
        """What is accepted, in words."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        return self._describe(self.maximum)

    def _describe(self, maximum: float | None) -> str:
        limits = {
            "of at least": self.minimum,
            "above": self.above,
            "at most": maximum,
            "below": self.below,
        }
        words = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
        return " ".join([_KINDS[type(self.default)], " and ".join(words)]).rstrip()

    def check(self, value: object) -> Any:
        """Returns the value, with an integer converted to the float or text that the setting needs.

        Raises:
            InputError: If the value has another type or is out of range.
        """
        kind = type(self.default)
        accepted = _as_float(value) if kind is float else value
        if self.numbers and type(value) is int:
            accepted = str(value)
        # `type`, not `isinstance`: true is no integer here.
        if type(accepted) is not kind or not self._in_range(accepted):
            raise InputError(
                f"`{self.key}` must be {self.expected}. Received: {self.key}={_shown(value)}."
            )
        if type(accepted) is int and self.below is None and accepted > LARGEST:
            raise InputError(
                f"`{self.key}` must be {self._describe(LARGEST)}. "
                f"Received: {self.key}={_shown(value)}."
            )
        return accepted

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
    """Returns a dataclass field that carries what `Setting` needs: explanation and limits."""
    return field(default=default, metadata={"doc": doc, **limits})


@dataclass(frozen=True)
class Section:
    """A part of a recipe. It checks its own values, however it is made."""

    section: ClassVar[str] = ""

    @classmethod
    def settings(cls) -> Iterator[Setting]:
        """Yields the section's settings in the order in which they are written."""
        prefix = f"{cls.section}." if cls.section else ""
        for item in fields(cls):
            if "doc" in item.metadata:
                yield Setting(prefix + item.name, item.default, **item.metadata)

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yields the name, without the section, and the value of each setting."""
        for known in self.settings():
            name = known.key.rpartition(".")[2]
            yield name, getattr(self, name)

    def __post_init__(self) -> None:
        """Checks every value.

        Raises:
            InputError: If a value has the wrong type or is out of range.
        """
        for known, (name, value) in zip(self.settings(), list(self.values()), strict=True):
            object.__setattr__(self, name, known.check(value))


def suggest(key: str, known: Collection[str], form: str = "'{}'") -> str:
    """Returns "; the nearest is 'name'" for an error message, or "" where nothing is near.

    Args:
        key: A mistaken key.
        known: Those that exist. The last parts of dotted keys are compared first, so the right
            name in a wrong section is found.
        form: How the message writes a key.

    Example:
        >>> suggest("epohcs", ["training.epochs", "model.units"])
        "; the nearest is 'training.epochs'"
        >>> suggest("colour", ["training.epochs", "model.units"])
        ''
    """

    def likeness(candidate: str) -> tuple[float, float]:
        ends = key.rpartition(".")[2], candidate.rpartition(".")[2]
        return _ratio(*ends), _ratio(key, candidate)

    nearest = max(known, key=likeness)
    return f"; the nearest is {form.format(nearest)}" if likeness(nearest)[0] >= _NEAR else ""


def _ratio(first: str, second: str) -> float:
    return difflib.SequenceMatcher(None, first, second).ratio()


def _shown(value: object) -> str:
    """Returns a value as text; Python refuses to write thousands of digits."""
    try:
        return repr(value)
    except ValueError:
        return "an integer of thousands of digits"


def _as_float(value: object) -> object:
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        return math.inf


def _is_unicode(text: str) -> bool:
    # Undecodable bytes of a command line arrive as surrogates, which no TOML file can hold.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
