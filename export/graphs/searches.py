"""The searches that exported graphs run; for an empty source they return an empty output."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.constraints import make_constraints
from keras_attention.decoding.hypotheses import IMPOSSIBLE, Hypotheses
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import search
from keras_attention.errors import InputError
from keras_attention.models.ensemble import members_of
from keras_attention.special_tokens import END_ID, PAD_ID

from .named_memory import Model, Named


def search_best(
    model: Model, source: tf.Tensor, options: SearchOptions, automaton: Automaton | None = None
) -> Named:
    """Return the best hypothesis of each source; the arguments are those of `search_all`.

    Returns:
        `tokens` `[B, T]`, `score` `[B]` and `alignment` `[B, T, S]`. An empty source has an empty
        output with a score of 0, as in `TextCodec.translations`.
    """
    found = search_all(model, source, options, automaton)
    return {name: array[:, 0] for name, array in found.items()}


def search_all(
    model: Model, source: tf.Tensor, options: SearchOptions, automaton: Automaton | None = None
) -> Named:
    """Return all hypotheses of a beam of fixed width, best first.

    Args:
        model: the model.
        source: ids `[B, S]`, each row ended by the end token, or features `[B, *source_shape]`.
        options: how to search.
        automaton: the automaton that accepts the allowed outputs; None allows all.

    Returns:
        `tokens` `[B, K, T]`, `score` `[B, K]` and `alignment` `[B, K, T, S]`. If a source has fewer
        than `K` hypotheses, the score of the missing ones is about -1e9.
    """
    found = search(model, source, options, automaton=automaton)
    if model.vocabulary_sizes[0] is not None:
        return _empty_result(model.split_features(source)[1], found)
    return {"tokens": found.tokens, "score": found.scores, "alignment": found.alignments}


def search_beams(
    model: Model,
    source: tf.Tensor,
    options: SearchOptions,
    own: Named,
    nbest: tf.Tensor,
    automaton: Automaton | None = None,
) -> Named:
    """Return several hypotheses of each source, where each source has its own search options.

    Args:
        model: the model.
        source: ids `[B, S]`, each row ended by the end token.
        options: the options that all sources share.
        own: the options of each source: the fields of `ServedOptions` by name, `[B]`.
        nbest: number of hypotheses per source, int32 `[B]`, each at most the source's `beam_width`.
        automaton: the automaton that accepts the allowed outputs; None allows all.

    Returns:
        `tokens` `[B, N, T]`, `score` `[B, N]` and `alignment` `[B, N, T, S]`, best first, where `N`
        is the largest of `nbest`. If a source has fewer hypotheses, the tokens of the missing ones
        are padding and their score is -1e9.
    """
    memory, state = model.encode(source)
    found = beam_search(
        model.step,
        state,
        memory,
        **own,
        max_length=options.max_length,
        coverage_penalty=options.coverage_penalty,
        constraints=make_constraints(options, None, automaton=automaton),
    )
    most = tf.reduce_max(tf.pad(nbest, [[0, 1]], constant_values=1))
    tokens = model.split_features(source)[1]
    named = _empty_result(tokens, Hypotheses(*(array[:, :most] for array in found)))
    requested = tf.range(most) < nbest[:, tf.newaxis]
    real = requested & (named["score"] > IMPOSSIBLE / 2)
    return {
        "tokens": tf.where(real[:, :, tf.newaxis], named["tokens"], PAD_ID),
        "score": tf.where(real, named["score"], IMPOSSIBLE),
        "alignment": tf.where(real[:, :, tf.newaxis, tf.newaxis], named["alignment"], 0.0),
    }


def _empty_result(source: tf.Tensor, found: Hypotheses) -> Named:
    """Return hypotheses by name; an empty source has only one, the end token with a score of 0."""
    tokens, scores, alignments = found
    empty = tf.equal(source[:, 0], END_ID)[:, tf.newaxis, tf.newaxis]  # [B, 1, 1]
    after_end = np.arange(tokens.shape[2]) > 0  # [T]
    only = tf.where(tf.range(tf.shape(tokens)[1]) > 0, IMPOSSIBLE, 0.0)  # [K]
    return {
        "tokens": tf.where(empty, np.where(after_end, PAD_ID, END_ID).astype("int32"), tokens),
        "score": tf.where(empty[:, :, 0], only, scores),
        "alignment": tf.where((empty & after_end)[..., tf.newaxis], 0.0, alignments),
    }


def raw_variables(model: Model) -> list[tf.Variable]:
    """Return the TensorFlow variables that hold a model's Keras variables.

    Raises:
        InputError: if Keras does not run on TensorFlow, which export requires.
    """
    variables = [variable.value for member in members_of(model) for variable in member.variables]
    if not all(isinstance(variable, tf.Variable) for variable in variables):
        raise InputError(
            "export requires Keras to run on TensorFlow; unset KERAS_BACKEND and try again. "
            f"Received: the backend {keras.backend.backend()!r}."
        )
    return variables
