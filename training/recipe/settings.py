"""The base class of a recipe's sections. Its errors name settings by dotted key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from keras_attention.errors import InputError, SettingError
from keras_attention.settings.setting import Setting, Settings


class RecipeSetting(Setting):
    """A setting of a recipe, named by its dotted key."""

    def check(self, value: object) -> Any:
        """Return the value, converted to the setting's type."""
        try:
            return super().check(value)
        except SettingError as error:
            raise InputError(str(error)) from None


@dataclass(frozen=True)
class Section(Settings):
    """A section of a recipe. Every instance checks its values when it is created."""

    section: ClassVar[str] = ""

    @classmethod
    def settings(cls) -> Iterator[RecipeSetting]:
        """Yield the settings with dotted keys; TOML has no `None`, so `unset` replaces it."""
        for item in fields(cls):
            if "doc" in item.metadata:
                default = item.metadata.get("unset") if item.default is None else item.default
                yield RecipeSetting(cls._key(item.name), default, **item.metadata)

    @classmethod
    def _key(cls, name: str) -> str:
        return f"{cls.section}.{name}" if cls.section else name

    def by_key(self) -> dict[str, Any]:
        """Return the values by dotted key."""
        return {self._key(name): value for name, value in self.values()}

    def __post_init__(self) -> None:
        """Check every value, then the rules that combine several values."""
        try:
            super().__post_init__()
        except SettingError as error:
            raise InputError(f"`{self._key(error.field)}` {error.problem}") from None
