"""Layers that training does not change, chosen by name."""

from fnmatch import fnmatchcase

import keras

from keras_attention.errors import SettingError


def freeze_layers(model: keras.Model, names: str) -> None:
    """Exclude the named layers of a model from training.

    Args:
        model: a model whose layers are built.
        names: names or patterns such as `*_embedding`, separated by commas; empty for none.

    Raises:
        SettingError: if a name matches no layer with weights, or every such layer would be frozen.
    """
    layers = {layer.name: layer for layer in model.layers if layer.trainable_weights}
    for name in filter(None, map(str.strip, names.split(","))):
        found = [layer for known, layer in layers.items() if fnmatchcase(known, name)]
        if not found:
            raise SettingError(
                "freeze", f"must name layers among {', '.join(layers)}. Received: {name!r}."
            )
        for layer in found:
            layer.trainable = False
    if layers and not any(layer.trainable for layer in layers.values()):
        raise SettingError(
            "freeze", f"must leave a layer to train. Received: freeze={names!r}, all layers."
        )
