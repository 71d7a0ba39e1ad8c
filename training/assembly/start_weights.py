"""A new model's first weights, taken from a trained model with the same or other vocabularies."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import keras

from keras_attention.errors import InputError
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.models.training.freezing import variable_rates
from keras_attention.translation.codec import SIDES

from .token_origins import Origins, remap

_logger = logging.getLogger(__name__)

_TOKEN_AXES = {
    "source_embedding/embeddings": (0, 0),
    "target_embedding/embeddings": (1, 0),
    "output_projection/kernel": (1, 1),
    "output_projection/bias": (1, 0),
    "output_bias": (1, 0),
}
"""The weights that have one entry for each token, the place of the tokens in `codec_origins`, and
the axis of the entries."""

_FEATURE_TABLE = re.compile(r"feature_embedding/feature_(\d+)/embeddings")
"""The weights that have one row for each value of a source feature."""


def start_from(
    model: Seq2Seq, trained: Seq2Seq, origins: Sequence[Origins], rates: str = ""
) -> None:
    """Set the weights of a model to those of a trained one.

    A token gets the mean of the weights of its origins, and a token without origins the mean of all
    tokens' weights. The logit of the latter is therefore the mean of their logits and never the
    largest. So if the model only has more tokens than before, greedy search returns the same
    outputs (Hewitt 2021). The embeddings of source features start in the same way. A warning is
    logged if training will not change tokens or values without origins.

    Args:
        model: a new model.
        trained: the trained model, with the same `[model]` settings.
        origins: the tokens of the trained model that each token of the model starts from, and the
            same for the values of source features; see `codec_origins`.
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
        value, path = keras.ops.convert_to_numpy(start), str(weight.path).partition("/")[2]
        if (found := _token_axis(path)) is not None:
            place, axis = found
            unknown = sum(not ids for ids in origins[place])
            if unknown and id(weight) not in changed:
                _logger.warning(
                    "%s: training.freeze, or a factor of 0 in training.rates, keeps %d new %s at "
                    "the mean of the known ones, so that the model cannot tell them apart.",
                    *(path, unknown, "tokens" if place < len(SIDES) else "values"),
                )
            value = remap(value, origins[place], axis)
        if value.shape != tuple(weight.shape):
            raise InputError(
                f"the weights {name!r} of the model given with --from must have the shape "
                f"{tuple(weight.shape)}, as the recipe describes. Received: {value.shape}."
            )
        weight.assign(value)


def _token_axis(path: str) -> tuple[int, int] | None:
    if table := _FEATURE_TABLE.fullmatch(path):
        return len(SIDES) + int(table[1]), 0
    return _TOKEN_AXES.get(path)


def _changed(model: Seq2Seq, rates: str) -> set[int]:
    """Return the identities of the weights that training changes."""
    weights = model.trainable_variables
    factors = variable_rates(model, rates) or (1.0,) * len(weights)
    return {id(weight) for weight, factor in zip(weights, factors, strict=True) if factor}


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
