"""A mixin that saves a layer's constructor arguments and rebuilds the layer from them."""

import inspect
from functools import cache
from typing import Any

import keras

from keras_attention.errors import suggest


class Configured:
    """A mixin for layers that store each constructor argument in an attribute of the same name.

    `get_config` finds the arguments in the constructors of the class and its bases, so each
    argument is declared only once. Arguments may also be layers, initializers and regularizers.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Check for misspelt arguments before the constructors do, to suggest the right name."""
        known = {name for base in cls.__mro__ for name in _arguments(base)}
        for name in set(kwargs) - known:
            if hint := suggest(name, sorted(known)):
                raise TypeError(f"unknown argument {name!r} of {cls.__name__}{hint}.")
        return super().__new__(cls, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this layer."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        bases: list[Any] = [base for base in type(self).__mro__ if issubclass(base, Configured)]
        for base in reversed(bases):
            for name in _arguments(base):
                if hasattr(self, name):
                    config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuild a layer, including layers in its arguments."""
        return cls(**{name: _deserialized(value) for name, value in config.items()})


@cache  # a signature never changes, and reading it takes long
def _arguments(cls: Any) -> tuple[str, ...]:
    """Return the names of the arguments of a class's own constructor."""
    names = inspect.signature(cls.__init__).parameters
    return tuple(name for name in names if name not in ("self", "args", "kwargs"))


def _deserialized(value: Any) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
