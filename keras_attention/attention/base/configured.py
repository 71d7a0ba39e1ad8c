"""A mixin that saves a layer's constructor arguments and rebuilds the layer from them."""

import inspect
from typing import Any

import keras


class Configured:
    """A mixin for layers that store each constructor argument in an attribute of the same name.

    `get_config` derives from the constructors of the class and its bases, so each argument is
    declared only once. Arguments may also be layers, initializers and regularizers.
    """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this layer."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        for cls in (cls for cls in reversed(type(self).__mro__) if issubclass(cls, Configured)):
            for name in inspect.signature(cls.__init__).parameters:
                if name not in ("self", "args", "kwargs") and hasattr(self, name):
                    config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuild a layer, including layers in its arguments."""
        return cls(**{name: _deserialized(value) for name, value in config.items()})


def _deserialized(value: Any) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
