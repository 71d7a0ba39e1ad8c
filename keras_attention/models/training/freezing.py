"""Choose layers by name, to freeze them or to train them at a different learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from keras_attention.errors import SettingError

if TYPE_CHECKING:
    import keras


def freeze_layers(model: keras.Model, names: str) -> None:
    """Exclude the named layers of a model from training.

    Args:
        model: a model whose layers are built.
        names: names or patterns such as `*_embedding`, separated by commas; empty for none.

    Raises:
        SettingError: if a name matches no layer with weights, or every such layer would be frozen.
    """
    layers = _trained_layers(model)
    for name in filter(None, map(str.strip, names.split(","))):
        for layer in _matching(layers, name, "freeze"):
            layer.trainable = False
    if layers and not any(layer.trainable for layer in layers.values()):
        raise SettingError(
            "freeze", f"must leave a layer to train. Received: freeze={names!r}, all layers."
        )


def read_rates(rates: str) -> dict[str, float]:
    """Return the factor on the learning rate of each name or pattern of layers.

    Args:
        rates: items such as `encoder=0.1`, separated by commas; empty for none.

    Raises:
        SettingError: if an item has a different form, its factor is negative or not finite, or a
            name is repeated.

    Example:
        >>> read_rates("encoder=0.1, *_embedding=0")
        {'encoder': 0.1, '*_embedding': 0.0}
    """
    factors: dict[str, float] = {}
    for item in filter(None, map(str.strip, rates.split(","))):
        name, _, value = map(str.strip, item.partition("="))
        factor = _number(value)
        if not name or name in factors or not 0 <= factor < math.inf:
            raise SettingError(
                "rates",
                "must be items such as encoder=0.1, separated by commas: each name or pattern "
                f"once, with a factor of at least 0. Received: {item!r}.",
            )
        factors[name] = factor
    return factors


def variable_rates(model: keras.Model, rates: str) -> tuple[float, ...]:
    """Return the factors on the learning rate of a model's variables.

    The order identifies a variable, because saving and loading a model may change its path.

    Args:
        model: a model whose layers are built.
        rates: as for `read_rates`. If several names match a layer, the last one counts.

    Returns:
        One factor for each of `model.trainable_variables`, in their order; none if `rates` names no
        layer.

    Raises:
        SettingError: also if a name matches no layer that is trained, or if the factor of every
            such layer is 0.
    """
    if not (named := read_rates(rates)):
        return ()
    layers = _trained_layers(model)
    factors = dict.fromkeys(layers, 1.0)
    for name, factor in named.items():
        factors.update((layer.name, factor) for layer in _matching(layers, name, "rates"))
    if layers and not any(factors.values()):
        raise SettingError(
            "rates", f"must leave a layer to train. Received: rates={rates!r}, 0 for all layers."
        )
    known = {
        id(weight): factors[name]
        for name, layer in layers.items()
        for weight in layer.trainable_weights
    }
    return tuple(known.get(id(weight), 1.0) for weight in model.trainable_variables)


def _trained_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if layer.trainable_weights}


def _matching(
    layers: Mapping[str, keras.layers.Layer], name: str, setting: str
) -> Iterable[keras.layers.Layer]:
    found = [layer for known, layer in layers.items() if fnmatchcase(known, name)]
    if not found:
        raise SettingError(
            setting, f"must name layers among {', '.join(layers)}. Received: {name!r}."
        )
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
