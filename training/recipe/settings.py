"""The sections of a recipe: dataclasses whose errors name the section with the setting."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from keras_attention.errors import InputError, SettingError
from keras_attention.settings.setting import Setting, Settings

_NEAR = 0.6
"""How like a known name a mistaken one must be, in [0, 1]; the default of `difflib`."""


class RecipeSetting(Setting):
    """A setting of a recipe, by its dotted key."""

    def check(self, value: object) -> Any:
        """Return the value in the type that the setting needs.

        Raises:
            InputError: If the value has another type or is out of range.
        """
        try:
            return super().check(value)
        except SettingError as error:
            raise InputError(str(error)) from None


@dataclass(frozen=True)
class Section(Settings):
    """A part of a recipe. It checks its own values, however it is made."""

    section: ClassVar[str] = ""

    @classmethod
    def settings(cls) -> Iterator[RecipeSetting]:
        """Yield the settings by dotted keys; where a default is `None`, TOML has another value."""
        for item in fields(cls):
            if "doc" in item.metadata:
                default = item.metadata.get("unset") if item.default is None else item.default
                yield RecipeSetting(cls._key(item.name), default, **item.metadata)

    @classmethod
    def _key(cls, name: str) -> str:
        return f"{cls.section}.{name}" if cls.section else name

    def __post_init__(self) -> None:
        """Check every value, then how they go together.

        Raises:
            InputError: If a value has the wrong type, is out of range or contradicts another.
        """
        try:
            super().__post_init__()
        except SettingError as error:
            raise InputError(f"`{self._key(error.field)}` {error.problem}") from None


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
