"""Beam search: the best of several hypotheses carried side by side."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.beams import (
    Beams,
    Ranking,
    best_adjusted,
    best_candidates,
    best_continuations,
    best_order,
    first_beams,
)
from keras_attention.decoding.constraints import Constraints, constrain, prefix_of
from keras_attention.decoding.hypotheses import Hypotheses, Step, Tensor, map_tensors, write_step
from keras_attention.decoding.loop import run_steps
from keras_attention.errors import check_positive
from keras_attention.ops.indexing import take_places
from keras_attention.special_tokens import PAD_ID


class _History(NamedTuple):
    """Every step, to be traced back at the end: nothing is copied when beams change places."""

    tokens: Tensor  # [T, B, K]
    parents: Tensor  # [T, B, K]: the beam of the step before that each token continues
    alignments: Tensor  # [T, B, K, S], by the parent's place


class _Live(NamedTuple):
    """What a step changes."""

    beams: Beams
    state: Any  # [B, K, ...]
    generated: Tensor  # [B, K, T]: tokens so far, where they are read; else `()`
    prefix: Tensor  # [B, K, P], or `()`
    own: dict[str, Tensor]  # [B, 1]: what `Ranking` holds of each source


def beam_search(
    step: Step,
    state: Any,
    memory: Any,
    *,
    beam_width: int | Tensor,
    length_penalty: float | Tensor = 0.0,
    max_length: int,
    coverage_penalty: float = 0.0,
    groups: int = 1,
    group_diversity: float = 0.0,
    constraints: Constraints | None = None,
) -> Hypotheses:
    """Carries the `beam_width` best hypotheses until all of them have ended.

    Hypotheses are ranked by `score / ((5 + length) / 6) ** length_penalty + coverage_penalty *
    sum_i log(min(sum_j alignment_ij, 1))` (Wu et al. 2016, eq. 14 and 15), where the length counts
    the end token. An ended hypothesis keeps its place as long as no other outranks it.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state, of `B` sources.
        memory: what `step` attends to, a `Memory` of `B` sources of `S` steps.
        beam_width: hypotheses `K` a source, a positive integer. Under TensorFlow also int32
            `[B]`, each source's own; `K` is the largest, at most `top_tokens.WIDEST`.
        length_penalty: exponent; 0 ranks by log-probability, more prefers longer outputs. A
            number, or float32 `[B]`, each source's own.
        max_length: steps at most, the end token included; a positive integer.
        coverage_penalty: weight; more prefers outputs that attended to all of the source.
        groups: groups of beams that do not compete (Vijayakumar et al. 2018), a divisor of
            `beam_width`. Two groups may find one hypothesis.
        group_diversity: what a token loses in rank for each hypothesis of an earlier group that
            says it at the same step.
        constraints: of `B * K` hypotheses, or None.

    Returns:
        `Hypotheses` with `K` hypotheses a source, best first; beyond a source's own width their
        scores are below `IMPOSSIBLE / 2` and their tokens nothing.

    Raises:
        ValueError: if a `beam_width` for all sources is not positive.

    Reference:
        https://arxiv.org/abs/1609.08144
        https://arxiv.org/abs/1610.02424
    """
    batch, source_steps = ops.shape(memory.mask)
    beam_width, own = _of_each_source(beam_width, length_penalty)
    shape = (batch, beam_width)
    rules = Ranking(
        0.0 if "length_penalty" in own else length_penalty,
        coverage_penalty,
        memory.mask[:, None],
        groups,
        group_diversity,
    )
    # Beams change places, so that tokens so far are dear: kept in order only where they are read.
    remembers = constraints is not None and constraints.need_history

    def advance(t: Tensor, live: _Live, history: _History, memory: Any) -> tuple[_Live, _History]:
        beams, shape = live.beams, (ops.shape(memory.mask)[0], beam_width)
        rows = map_tensors(_as_rows, live._replace(beams=beams.tokens))
        logits, state, alignment = step(rows.beams, rows.state, memory)
        if constraints is None:
            candidates = best_candidates(logits, shape)
        else:
            plain, adjusted = constrain(constraints, logits, t, rows.generated, rows.prefix)
            candidates = best_adjusted(plain, adjusted, shape)
        alignment = _by_beam(ops.cast(alignment, "float32"), beam_width)
        ranking = rules._replace(mask=memory.mask[:, None], **live.own)
        beams, parents = best_continuations(beams, candidates, alignment, ranking)
        state = _reorder(state, parents)
        generated = live.generated
        if remembers:
            generated = _write_token(take_places(generated, parents), t, beams.tokens)
        history = _History(
            write_step(history.tokens, t, beams.tokens),
            write_step(history.parents, t, parents),
            write_step(history.alignments, t, alignment),
        )
        return live._replace(beams=beams, state=state, generated=generated), history

    live = _Live(
        first_beams(shape, rules, constrained=constraints is not None),
        # The memory is not repeated: a step's hypotheses read that of their source together.
        map_tensors(lambda x: ops.repeat(x[:, None], beam_width, axis=1), state),
        ops.zeros((*shape, max_length), "int32") if remembers else (),
        map_tensors(lambda x: _by_beam(x, beam_width), prefix_of(constraints)),
        own,
    )
    history = _History(
        ops.zeros((max_length, *shape), "int32"),
        ops.zeros((max_length, *shape), "int32") + ops.arange(beam_width, dtype="int32"),
        ops.zeros((max_length, *shape, source_steps), "float32"),
    )
    steps, live, history = run_steps(
        advance,
        lambda live: ops.all(live.beams.finished, axis=1),
        live,
        history,
        memory,
        max_length=max_length,
    )
    beams = live.beams
    if groups == 1:
        tokens, alignments = _trace_back(history, steps)
        return Hypotheses(tokens, beams.scores, alignments)
    order = best_order(beams, rules._replace(**live.own))
    tokens, alignments = _trace_back(history, steps, order)
    return Hypotheses(tokens, take_places(beams.scores, order), alignments)


def _of_each_source(
    beam_width: int | Tensor, length_penalty: float | Tensor
) -> tuple[int | Tensor, dict[str, Tensor]]:
    """The widest beam, and the fields of `Ranking` that sources have of their own, `[B, 1]`."""
    own = {}
    if _has_rows(length_penalty):
        own["length_penalty"] = ops.expand_dims(length_penalty, 1)
    if not _has_rows(beam_width):
        check_positive(beam_width=int(beam_width))
        return int(beam_width), own
    own["widths"] = ops.expand_dims(beam_width, 1)
    return ops.maximum(ops.max(beam_width, initial=1), 1), own


def _has_rows(x: Any) -> bool:
    return len(getattr(x, "shape", ())) > 0


def _as_rows(x: Tensor) -> Tensor:
    """`[B, K, ...]` as `[B * K, ...]`."""
    rows, width, *rest = ops.shape(x)
    return ops.reshape(x, (rows * width, *rest))


def _by_beam(x: Tensor, width: int) -> Tensor:
    """`[B * K, ...]` as `[B, K, ...]`."""
    rows, *rest = ops.shape(x)
    return ops.reshape(x, (rows // width, width, *rest))


def _reorder(state: Any, parents: Tensor) -> Any:
    """States `[B * K, ...]` as `[B, K, ...]`, in the order of the beams' parents `[B, K]`."""
    width = ops.shape(parents)[1]
    return map_tensors(lambda x: take_places(_by_beam(x, width), parents), state)


def _write_token(generated: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
    """`generated` `[B, K, T]` with `tokens` `[B, K]` at step `t`."""
    now = ops.equal(ops.arange(generated.shape[2]), t)
    return ops.where(now, ops.expand_dims(tokens, -1), generated)


def _trace_back(
    history: _History, steps: Tensor, places: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Tokens `[B, K, T]` and alignments `[B, K, T, S]` along each hypothesis' own parents.

    The hypotheses come in the order of `places` `[B, K]`, or of their beams.
    """
    if places is None:
        places = ops.zeros_like(history.parents[0]) + ops.arange(ops.shape(history.parents)[2])

    def back(t: Tensor, places: Tensor, tokens: Tensor, alignments: Tensor) -> tuple[Any, ...]:
        token = take_places(history.tokens[t], places)
        parents = take_places(history.parents[t], places)
        rows = take_places(history.alignments[t], parents)
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
