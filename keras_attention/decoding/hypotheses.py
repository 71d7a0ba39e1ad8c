"""The result of a search, and functions that the searches share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.ops.indexing import take_places
from keras_attention.ops.sparse_outputs import NO_PROBABILITY
from keras_attention.special_tokens import PAD_ID, START_ID

Tensor = Any
Step = Callable[[Tensor, Any, Any], tuple[Tensor, Any, Tensor]]

IMPOSSIBLE = -1e9
"""A finite number below the log-probability of any possible hypothesis."""


class Hypotheses(NamedTuple):
    """The best hypotheses of every source, best first along the beam axis.

    Attributes:
        tokens: target ids `[B, K, T]`, with the end token and then padding 0 at the end.
        scores: sums of natural log-probabilities `[B, K]`, at most 0. If fewer than `K`
            hypotheses have a probability above 0, the remaining scores are below
            `IMPOSSIBLE / 2`.
        alignments: `[B, K, T, S]`, zero where `tokens` is padding.
    """

    tokens: Tensor
    scores: Tensor
    alignments: Tensor


def log_probabilities(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probabilities `[N, V]`, and a copy with `IMPOSSIBLE` for padding and start."""
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    ids = ops.arange(log_probs.shape[-1])
    special = ops.logical_or(ops.equal(ids, PAD_ID), ops.equal(ids, START_ID))
    return log_probs, ops.where(special, IMPOSSIBLE, log_probs)


def choosable(gains: Tensor, allowed: Tensor) -> Tensor:
    """Return which of the allowed continuations a search may choose.

    These are the continuations whose probability is above 0 or, if there are none, all that are
    allowed. With a sparse output, the constraints may forbid every token whose probability is
    above 0.

    Args:
        gains: log-probabilities `[N, C]`, of all continuations of a row.
        allowed: boolean `[N, C]`.

    Returns:
        Boolean `[N, C]`.
    """
    # The probability of a token below this limit is 0 in float32.
    likely = ops.logical_and(allowed, gains > NO_PROBABILITY / 2)
    return ops.where(ops.any(likely, axis=-1, keepdims=True), likely, allowed)


def target_log_probabilities(logits: Tensor, target: Tensor) -> Tensor:
    """Return the log-probabilities `[B, T]` of target ids `[B, T]` under logits `[B, T, V]`."""
    logits = ops.cast(logits, "float32")
    rows, steps, size = ops.shape(logits)
    places = ops.reshape(target, (rows * steps, 1))
    chosen = take_places(ops.reshape(logits, (rows * steps, size)), places)
    return ops.reshape(chosen, (rows, steps)) - ops.logsumexp(logits, axis=-1)


def write_step(buffer: Tensor, t: Tensor, value: Tensor) -> Tensor:
    """Return `buffer` `[T, ...]` with `value` `[...]` at step `t`.

    Unlike a scatter, these operators convert to every runtime.
    """
    steps = ops.reshape(ops.arange(buffer.shape[0]), (-1, *[1] * (len(buffer.shape) - 1)))
    return ops.where(ops.equal(steps, t), ops.expand_dims(value, 0), buffer)


def map_tensors(function: Callable[..., Tensor], *states: Any) -> Any:
    """Apply `function` to every tensor of a nested state, or of several states in parallel."""
    return keras.tree.map_structure(function, *states)
