"""A new model's first weights, taken from a trained model with equal or smaller vocabularies."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.models.training.freezing import variable_rates
from keras_attention.special_tokens import SPECIAL_TOKENS

_logger = logging.getLogger(__name__)

_TOKEN_AXES = {
    "source_embedding/embeddings": 0,
    "target_embedding/embeddings": 0,
    "output_projection/kernel": 1,
    "output_projection/bias": 0,
    "output_bias": 0,
}
"""The weights that have one entry for each token along an axis, and the number of that axis."""


def start_from(model: Seq2Seq, trained: Seq2Seq, rates: str = "") -> None:
    """Set the weights of a model to those of a trained one.

    A new token gets the mean of the known tokens' weights. Its logit is therefore the mean of their
    logits and never the largest, so greedy search returns the same outputs as before (Hewitt 2021).
    A warning is logged if training will not change the weights of the new tokens.

    Args:
        model: a new model. Its tokens begin with those of the trained model.
        trained: the trained model, with the same `[model]` settings.
        rates: factors on the learning rate of the model's layers, as in `training.rates`.

    Raises:
        InputError: if the models differ in their weights or in the shapes of the weights.

    Reference:
        https://nlp.stanford.edu/~johnhew/vocab-expansion.html
    """
    own, known = _learned(model), _learned(trained)
    if (names := list(map(_name, own))) != list(map(_name, known)):
        raise InputError(
            "the model given with --from must have the layers that the recipe describes. "
            f"Received: {len(known)} weights, where the recipe describes {len(own)}."
        )
    changed = _changed(model, rates)
    for name, weight, start in zip(names, own, known, strict=True):
        value, axis = keras.ops.convert_to_numpy(start), _axis_of_tokens(weight)
        if axis is not None:
            added = weight.shape[axis] - value.shape[axis]
            if added and id(weight) not in changed:
                _logger.warning(
                    "%s: training.freeze, or a factor of 0 in training.rates, keeps %d new tokens "
                    "at the mean of the known ones, so that the model cannot tell them apart.",
                    *(weight.path.partition("/")[2], added),
                )
            value = _grown(value, weight.shape[axis], axis)
        if value.shape != tuple(weight.shape):
            raise InputError(
                f"the weights {name!r} of the model given with --from must have the shape "
                f"{tuple(weight.shape)}, as the recipe describes. Received: {value.shape}."
            )
        weight.assign(value)


def _changed(model: Seq2Seq, rates: str) -> set[int]:
    """Return the identities of the weights that training changes."""
    weights = model.trainable_variables
    factors = variable_rates(model, rates) or (1.0,) * len(weights)
    return {id(weight) for weight, factor in zip(weights, factors, strict=True) if factor}


def _grown(value: npt.NDArray[Any], size: int, axis: int) -> npt.NDArray[Any]:
    """Return an array extended to `size` tokens along an axis; new tokens get the others' mean."""
    special = len(SPECIAL_TOKENS)
    known = np.take(value, range(special, value.shape[axis]), axis=axis)
    mean = (known if known.shape[axis] else value).mean(axis=axis, keepdims=True)
    return np.concatenate([value, np.repeat(mean, size - value.shape[axis], axis=axis)], axis=axis)


def _axis_of_tokens(weight: Any) -> int | None:
    """Return the axis along which a new model's weight has one entry per token, or None."""
    return _TOKEN_AXES.get(str(weight.path).partition("/")[2])


def _learned(model: Seq2Seq) -> list[Any]:
    """Return the weights that training learns, in an order that depends only on the architecture.

    The paths of a loaded model's weights do not always begin with the model, so only the order
    identifies a weight, as in `set_weights`.
    """
    settings = model.settings
    given = [*([model.copy_output.targets] if settings.copying else [])]
    given += model.sampler.weights if settings.scheduled_sampling else []
    return [weight for weight in model.weights if not any(weight is other for other in given)]


def _name(weight: Any) -> str:
    return str(weight.path).rpartition("/")[2]
