"""The model as functions of named tensors, for programs with their own search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_attention.decoding.hypotheses import log_probabilities, target_log_probabilities
from keras_attention.ops.masking import real_tokens
from keras_attention.special_tokens import START_ID

from .named_memory import COPIES, Model, Named, memory_of, name_memory, state_structure

STATE = "state_"
"""Prefix of the names of the state's tensors; their number depends on the model."""


def trace(function: Callable[..., Named], *specs: tf.TensorSpec, **named: tf.TensorSpec) -> Any:
    """Return the graph of a function for the given shapes and dtypes."""
    return tf.function(function, autograph=False).get_concrete_function(*specs, **named)


def encode(model: Model, source: tf.Tensor) -> Named:
    """Encode sources: return the memory, which every step reads, and the first step's state.

    Args:
        model: the model.
        source: ids `[B, S]`, each row ended by the end token and padded with 0. With F source
            features, the row begins with their ids, and `values` and `keys` have `S - F` steps.

    Returns:
        `values` `[B, S, M]`, `keys` `[B, S, U]` and `state_0`, `state_1` ... `[B, ...]`; for a
        model that copies, also `copies` `[B, S]`. For an ensemble, `values` and `keys` join the
        tensors of all members, and `state_0`, `state_1` ... are the states of all members.
    """
    memory, state = model.encode(source)
    return {**name_memory(memory), **_named(state)}


def step(
    model: Model,
    token: tf.Tensor,
    source: tf.Tensor,
    values: tf.Tensor,
    keys: tf.Tensor,
    **state: tf.Tensor,
) -> Named:
    """Run one decoder step for `N` hypotheses; `N = B * K` if each source has `K` of them.

    Args:
        model: the model.
        token: the previous ids `[N]`; at the first step the id of the start token.
        source: the ids `[B, S]` that `encode` read.
        values: as returned by `encode`.
        keys: as returned by `encode`.
        **state: as returned by `encode` or the previous step, with one row per hypothesis; for a
            model that copies, also `copies` as returned by `encode`.

    Returns:
        `log_probabilities` `[N, V]`, about -1e9 for tokens that are never generated; `alignment`
        `[N, S]`; and the next `state_0`, `state_1` ... .
    """
    named = {"values": values, "keys": keys}
    if COPIES in state:
        named[COPIES] = state.pop(COPIES)
    _, tokens = model.split_features(source)
    memory: Any = memory_of(model, named, real_tokens(tokens))
    logits, new, alignment = model.step(token, _nested(model, state), memory)
    return {
        "log_probabilities": log_probabilities(logits)[1],
        "alignment": tf.cast(alignment, "float32"),
        **_named(new),
    }


def step_specs(encoded: Named, source: tf.TensorSpec) -> dict[str, tf.TensorSpec]:
    """Return the specs of the inputs of `step`, by name.

    If the batch size of `source` is not fixed, the number of hypotheses is not fixed either.

    Args:
        encoded: the outputs of `encode` in a graph.
        source: the spec of the input of `encode`.
    """
    rows = source.shape[0]
    specs = {"token": tf.TensorSpec([rows], tf.int32, "token"), "source": source}
    for name, tensor in encoded.items():
        # The number of hypotheses is independent of the number of sources.
        shape = [rows, *tensor.shape[1:]]
        specs[name] = tf.TensorSpec(shape, tensor.dtype, name)
    return specs


def score(model: Model, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Return the natural log-probabilities `[B, T]` of the targets' tokens, 0 for padding.

    Args:
        model: the model.
        source: ids `[B, S]`, each row ended by the end token and padded with 0.
        target: ids `[B, T]`, with the end token and padding in the same way.
    """
    shifted = tf.concat([tf.fill([tf.shape(target)[0], 1], START_ID), target[:, :-1]], axis=1)
    logits, _ = model.teacher_forced(source, shifted, return_alignment=False)
    return tf.where(real_tokens(target), target_log_probabilities(logits, target), 0.0)


def _named(state: Any) -> Named:
    flat = tf.nest.flatten(state)
    return {f"{STATE}{place}": tf.identity(tensor) for place, tensor in enumerate(flat)}


def _nested(model: Model, state: Named) -> Any:
    """Return the decoder's state, built from its named tensors."""
    flat = [state[f"{STATE}{place}"] for place in range(len(state))]
    return tf.nest.pack_sequence_as(state_structure(model), flat)
