"""Greedy search in parts: each part continues where the part before it stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.decoding.automata.automaton import ENDED, Automaton
from keras_attention.decoding.constraints import make_constraints
from keras_attention.decoding.greedy import Live, first_step, make_advance
from keras_attention.decoding.hypotheses import map_tensors, write_step
from keras_attention.decoding.options import SearchOptions
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

from .named_memory import Model
from .unknown_tokens import unknown_places


class Progress(NamedTuple):
    """The state of a greedy search for `B` outputs, from which the next request continues it.

    Attributes:
        tokens: the ids so far `[B, T]`, padded with 0.
        places: for each `<unk>`, the position of the source token that replaces it, counted from 1;
            0 for other tokens `[B, T]`.
        score: the sum of the log-probabilities of each output `[B]`.
        node: the node of each output in the automaton `[B]`, or `()` without an automaton.
        state: the decoder's state.
    """

    tokens: tf.Tensor
    places: tf.Tensor
    score: tf.Tensor
    node: Any
    state: Any


class Part(NamedTuple):
    """A part of `B` outputs: up to `k` more tokens of each.

    Attributes:
        progress: the state of the search after this part.
        ended: whether each output is complete `[B]`.
        begins: the number of tokens of each output before this part `[B]`.
        scores: the sum of the log-probabilities up to each token `[B, k]`.
        alignment: the weights of each token `[B, k, S]`; 0 after the end.
    """

    progress: Progress
    ended: tf.Tensor
    begins: tf.Tensor
    scores: tf.Tensor
    alignment: tf.Tensor


def continue_greedily(
    model: Model,
    source: tf.Tensor,
    options: SearchOptions,
    automaton: Automaton | None,
    restore: Callable[[Progress], Progress],
    count: int,
) -> Part:
    """Find the next tokens of each output. They are those of a greedy search for the whole output.

    A server may merge requests for outputs with different numbers of tokens. The loop then starts
    at the end of the shortest output, and changes each output only in the steps that belong to it.

    Args:
        model: the model.
        source: ids `[B, S]`, each row ended by the end token. An empty source has an empty output.
        options: how to search; the beam width is ignored.
        automaton: the automaton that accepts the allowed outputs; None allows all.
        restore: a function that receives the progress of a new search, and returns the progress
            after the previous part.
        count: the largest number of tokens in a part, `k`.
    """
    constraints = make_constraints(options, None, automaton=automaton)
    memory, state = model.encode(source)
    length = options.max_length
    live, (tokens, alignments) = first_step(
        state, memory, max_length=length, constraints=constraints
    )
    none = tf.transpose(tokens)
    fresh = Progress(none, none, live.scores, live.node, live.state)
    given = restore(fresh)
    begins = _count(given.tokens)
    ends = tf.minimum(begins + count, length)
    live = live._replace(
        tokens=_last(given.tokens, begins),
        scores=given.score,
        finished=tf.equal(model.split_features(source)[1][:, 0], END_ID),
        state=given.state,
        node=given.node,
    )
    advance = partial(
        _advance_some,
        make_advance(model.step, None, constraints),
        memory=memory,
        begins=begins,
        ends=ends,
    )
    history = tf.transpose(given.tokens), alignments, tf.zeros_like(tokens, "float32")
    live, history = _run(advance, live, history, begins, ends)
    return _make_part(live, history, given.places, begins, count, length)


def note_unknown(part: Part, source_length: tf.Tensor) -> Part:
    """Store the position of the source token that replaces each new `<unk>`.

    Args:
        part: the part.
        source_length: number of source tokens, `</s>` included, `[B]`.
    """
    tokens, places = part.progress.tokens, part.progress.places
    steps = part.alignment.shape[1]
    offset = tf.range(tokens.shape[1]) - part.begins[:, tf.newaxis]  # [B, T]
    inside = tf.clip_by_value(offset, 0, steps - 1)
    weights = tf.gather(part.alignment, inside, batch_dims=1)
    found = unknown_places(tokens, weights, source_length)
    new = (offset >= 0) & (offset < steps)
    progress = part.progress._replace(places=tf.where(new, found, places))
    return part._replace(progress=progress)


def prefixes(rows: tf.Tensor, begins: tf.Tensor, count: int, padding: int | str) -> tf.Tensor:
    """Return, for each token of a part, the output up to this token: `[B, count, T]`.

    Args:
        rows: ids or tokens `[B, T]`.
        begins: number of tokens before the part `[B]`.
        count: number of tokens of the part.
        padding: the value that replaces all later tokens.
    """
    last = (begins[:, tf.newaxis] + tf.range(count))[:, :, tf.newaxis]
    kept = tf.range(tf.shape(rows)[1]) <= last
    return tf.where(kept, rows[:, tf.newaxis], padding)


def new_tokens(tokens: tf.Tensor, begins: tf.Tensor, count: int) -> tf.Tensor:
    """Return the tokens of a part `[B, count]`, "" after the end.

    Args:
        tokens: all tokens so far `[B, T]`, "" after the end.
        begins: number of tokens before the part `[B]`.
        count: number of tokens of the part.
    """
    padded = tf.pad(tokens, [[0, 0], [0, count]], constant_values="")
    places = begins[:, tf.newaxis] + tf.range(count)
    return tf.gather(padded, places, batch_dims=1)


def within_range(
    progress: Progress, model: Model, source: tf.Tensor, automaton: Automaton | None
) -> Progress:
    """Limit the indices of a progress to valid ranges, because a client may send any numbers.

    Args:
        progress: the progress.
        model: the model.
        source: the source tokens `[B, S]`.
        automaton: the automaton of the search, if there is one.
    """
    node = progress.node
    if automaton is not None:
        node = tf.clip_by_value(node, ENDED, len(automaton.nodes) - 1)
    return progress._replace(
        tokens=tf.clip_by_value(progress.tokens, 0, model.vocabulary_sizes[1] - 1),
        places=tf.clip_by_value(progress.places, 0, tf.shape(source)[1]),
        node=node,
    )


def _run(advance: Any, live: Live, history: Any, begins: Any, ends: Any) -> tuple[Live, Any]:
    def any_left(t: tf.Tensor, live: Live, history: Any) -> tf.Tensor:
        return tf.reduce_any(~live.finished & (t < ends))

    first = tf.reduce_min(tf.where(live.finished, tf.int32.max, begins))
    _, live, history = tf.while_loop(
        any_left,
        lambda t, live, history: (t + 1, *advance(t, live, history)),
        (first, live, history),
    )
    return live, history


def _make_part(
    live: Live, history: Any, places: tf.Tensor, begins: tf.Tensor, count: int, length: int
) -> Part:
    """Return the part of up to `count` tokens with which each output has grown since `begins`."""
    tokens, scores = (tf.transpose(history[place]) for place in (0, 2))
    total = _count(tokens)
    taken = begins[:, tf.newaxis] + tf.range(count)
    inside = tf.minimum(taken, length - 1)
    weights = tf.gather(tf.transpose(history[1], [1, 0, 2]), inside, batch_dims=1)
    real = taken < total[:, tf.newaxis]
    return Part(
        Progress(tokens, places, live.scores, live.node, live.state),
        live.finished | (total >= length),
        begins,
        tf.where(real, tf.gather(scores, inside, batch_dims=1), live.scores[:, tf.newaxis]),
        tf.where(real[:, :, tf.newaxis], weights, 0.0),
    )


def _advance_some(
    advance: Any, t: Any, live: Live, history: Any, *, memory: Any, begins: Any, ends: Any
) -> tuple[Live, Any]:
    """Run step `t` for the outputs with `t` tokens, and do not change the other outputs."""
    tokens, alignments, scores = history
    active = ~live.finished & (begins <= t) & (t < ends)

    def choose(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        rows = tf.reshape(active, [-1, *[1] * (len(old.shape) - 1)])
        return tf.where(rows, new, old)

    new, (new_tokens, alignments) = advance(t, live, (tokens, alignments), memory)
    live = map_tensors(choose, new, live)
    # Other rows get alignments and scores for step `t` too, but nothing reads them.
    tokens = tf.where(active, new_tokens, tokens)
    return live, (tokens, alignments, write_step(scores, t, live.scores))


def _count(tokens: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tokens != PAD_ID, tf.int32), axis=1)


def _last(tokens: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Return the last token of each row, or the start token if the row has none."""
    last = tf.gather(tokens, tf.maximum(count - 1, 0), batch_dims=1)
    return tf.where(count > 0, last, START_ID)
