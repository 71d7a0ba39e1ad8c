"""Checks that a model can search, with advice for other Keras models."""

from typing import Any

import keras

from keras_attention.errors import InputError

_SHOWN = 40
"""The number of characters of a class's name that an error shows."""


def check_kind(model: Any, *kinds: type) -> None:
    """Check that a model has the encoder and the decoder step that search runs."""
    if not isinstance(model, kinds):
        raise InputError(f"expected a {_names(kinds)}. {describe_other(model)}")


def describe_other(model: Any) -> str:
    """Describe what was received in place of a `Seq2Seq`, with advice for a Keras model."""
    if not isinstance(model, keras.Model):
        return f"Received: {type(model).__name__}."
    return describe_class(type(model).__name__)


def describe_class(name: str) -> str:
    """Describe the Keras model that was received in place of a `Seq2Seq` by its class's name."""
    return (
        f"Received: {name[:_SHOWN]}. Only a Seq2Seq can search and be exported. To copy another "
        "model's weights to a Seq2Seq, see 'From a functional model' in docs/how-to/python.md."
    )


def _names(kinds: tuple[type, ...]) -> str:
    return " or ".join(kind.__name__ for kind in kinds)
