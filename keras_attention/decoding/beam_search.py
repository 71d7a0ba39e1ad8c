"""Beam search: the best of several hypotheses carried side by side."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.hypotheses import (
    IMPOSSIBLE,
    Hypotheses,
    Step,
    Tensor,
    log_probabilities,
    map_tensors,
    write_step,
)
from keras_attention.vocabulary import END_ID, PAD_ID, START_ID


class _Beams(NamedTuple):
    """The last step of all hypotheses, `[B, K]` each, best first."""

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor


class _History(NamedTuple):
    """Every step, to be traced back at the end: nothing is copied when beams change places."""

    tokens: Tensor  # [T, B, K]
    parents: Tensor  # [T, B, K]: the beam of the step before that each token continues
    alignments: Tensor  # [T, B, K, S], by the parent's place


def beam_search(
    step: Step,
    state: Any,
    memory: Any,
    *,
    beam_width: int,
    length_penalty: float = 0.0,
    max_length: int,
) -> Hypotheses:
    """Carries the `beam_width` best hypotheses until all of them have ended.

    Hypotheses are ranked by `score / ((5 + length) / 6) ** length_penalty` (Wu et al. 2016,
    eq. 14), where the length counts the end token. An ended hypothesis keeps its place as long
    as no other outranks it.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state, of `B` sources.
        memory: what `step` attends to, a `Memory` of `B` sources of `S` steps.
        beam_width: hypotheses `K` a source, a positive integer.
        length_penalty: exponent; 0 ranks by log-probability, more prefers longer outputs.
        max_length: steps at most, the end token included; a positive integer.

    Returns:
        `Hypotheses` with `K` hypotheses a source, best first.

    Reference:
        https://arxiv.org/abs/1609.08144
    """
    batch, source_steps = ops.shape(memory.mask)[0], ops.shape(memory.mask)[1]
    shape = (batch, beam_width)
    state, memory = map_tensors(lambda x: ops.repeat(x, beam_width, axis=0), (state, memory))

    def unfinished(t: Tensor, beams: _Beams, *_: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(beams.finished)))

    def advance(t: Tensor, beams: _Beams, state: Any, history: _History) -> tuple[Any, ...]:
        logits, state, alignment = step(ops.reshape(beams.tokens, (-1,)), state, memory)
        _, allowed = log_probabilities(logits)
        allowed = ops.reshape(allowed, (*shape, logits.shape[-1]))
        beams, parents = _best_continuations(beams, allowed, length_penalty)
        state = _reorder(state, parents)
        alignment = ops.reshape(ops.cast(alignment, "float32"), (*shape, source_steps))
        history = _History(
            write_step(history.tokens, t, beams.tokens),
            write_step(history.parents, t, parents),
            write_step(history.alignments, t, alignment),
        )
        return t + 1, beams, state, history

    steps, beams, _, history = ops.while_loop(
        unfinished,
        advance,
        (
            ops.convert_to_tensor(0, "int32"),
            _first_beams(shape),
            state,
            _History(
                ops.zeros((max_length, *shape), "int32"),
                ops.zeros((max_length, *shape), "int32"),
                ops.zeros((max_length, *shape, source_steps), "float32"),
            ),
        ),
    )
    tokens, alignments = _trace_back(history, steps)
    return Hypotheses(tokens, beams.scores, alignments)


def _first_beams(shape: Any) -> _Beams:
    """One real hypothesis a source; the others must not repeat it."""
    real = ops.equal(ops.arange(shape[1]), 0)
    scores = ops.where(real, ops.zeros(shape, "float32"), IMPOSSIBLE)
    return _Beams(
        ops.full(shape, START_ID, "int32"),
        scores,
        ops.zeros(shape, "int32"),
        ops.zeros(shape, "bool"),
    )


def _best_continuations(
    beams: _Beams, allowed: Tensor, length_penalty: float
) -> tuple[_Beams, Tensor]:
    """The `K` best of all continuations `[B, K, V]`, and the beams that they continue."""
    width, vocabulary = allowed.shape[1], allowed.shape[2]
    # An ended hypothesis has one continuation, padding, which leaves its score as it is.
    padding = ops.where(ops.equal(ops.arange(vocabulary), PAD_ID), 0.0, IMPOSSIBLE)
    allowed = ops.where(ops.expand_dims(beams.finished, -1), padding, allowed)
    scores = ops.expand_dims(beams.scores, -1) + allowed
    lengths = beams.lengths + ops.cast(ops.logical_not(beams.finished), "int32")
    ranking = scores / ops.expand_dims(_penalty(lengths, length_penalty), -1)
    _, best = ops.top_k(ops.reshape(ranking, (-1, width * vocabulary)), width)
    best = ops.cast(best, "int32")
    parents, tokens = best // vocabulary, best % vocabulary
    finished = ops.take_along_axis(beams.finished, parents, axis=1)
    return (
        _Beams(
            tokens,
            ops.take_along_axis(ops.reshape(scores, (-1, width * vocabulary)), best, axis=1),
            ops.take_along_axis(lengths, parents, axis=1),
            ops.logical_or(finished, ops.equal(tokens, END_ID)),
        ),
        parents,
    )


def _penalty(lengths: Tensor, length_penalty: float) -> Tensor:
    return ops.power((5.0 + ops.cast(lengths, "float32")) / 6.0, length_penalty)


def _reorder(state: Any, parents: Tensor) -> Any:
    """States `[B * K, ...]` in the order of the beams' parents `[B, K]`."""
    batch, width = ops.shape(parents)[0], parents.shape[1]
    rows = ops.reshape(ops.expand_dims(ops.arange(batch) * width, 1) + parents, (-1,))
    return map_tensors(lambda x: ops.take(x, rows, axis=0), state)


def _trace_back(history: _History, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens `[B, K, T]` and alignments `[B, K, T, S]` along each hypothesis' own parents."""
    places = ops.zeros_like(history.parents[0]) + ops.arange(history.parents.shape[2])

    def back(t: Tensor, places: Tensor, tokens: Tensor, alignments: Tensor) -> tuple[Any, ...]:
        token = ops.take_along_axis(history.tokens[t], places, axis=1)
        parents = ops.take_along_axis(history.parents[t], places, axis=1)
        rows = ops.take_along_axis(history.alignments[t], ops.expand_dims(parents, -1), axis=1)
        weights = ops.where(ops.expand_dims(ops.equal(token, PAD_ID), -1), 0.0, rows)
        tokens, alignments = write_step(tokens, t, token), write_step(alignments, t, weights)
        return t - 1, parents, tokens, alignments

    _, _, tokens, alignments = ops.while_loop(
        lambda t, *_: t >= 0,
        back,
        (
            steps - 1,
            ops.cast(places, "int32"),
            ops.zeros_like(history.tokens),
            ops.zeros_like(history.alignments),
        ),
    )
    return ops.transpose(tokens, (1, 2, 0)), ops.transpose(alignments, (1, 2, 0, 3))
