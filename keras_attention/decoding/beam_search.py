"""Beam search: keep the best hypotheses at every step."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.automata.banks import advancing_tokens
from keras_attention.decoding.beams import (
    Beams,
    Candidates,
    Ranking,
    banked_candidates,
    best_adjusted,
    best_candidates,
    best_continuations,
    best_order,
    end_settled,
    first_beams,
)
from keras_attention.decoding.constraints import (
    Constraints,
    carried_prefix,
    constrain,
    first_nodes,
)
from keras_attention.decoding.hypotheses import Hypotheses, Step, Tensor, map_tensors, write_step
from keras_attention.decoding.loop import run_steps
from keras_attention.errors import check_positive
from keras_attention.ops.indexing import take_places
from keras_attention.special_tokens import PAD_ID


class _History(NamedTuple):
    """The choices of all steps; tracing them back at the end avoids copies at each reordering."""

    tokens: Tensor  # [T, B, K]
    parents: Tensor  # [T, B, K]: the previous step's beam that each token continues
    alignments: Tensor  # [T, B, K, S], indexed by the parent


class _Live(NamedTuple):
    """The tensors that a step updates, and those that it needs for each source."""

    beams: Beams
    state: Any  # [B, K, ...]
    generated: Tensor  # [B, K, T]: the tokens so far if a constraint needs them; else `()`
    prefix: Tensor  # [B, K, P], or `()`
    node: Tensor  # [B, K]: in the automaton of the constraints; `()` without one
    per_source: dict[str, Tensor]  # [B, 1]: fields of `Ranking` that differ between sources


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
    """Keep the `beam_width` best hypotheses at each step, until all of them have ended.

    Hypotheses are ranked by `score / ((5 + length) / 6) ** length_penalty + coverage_penalty *
    sum_i log(min(sum_j alignment_ij, 1))` (Wu et al. 2016, eq. 14). The length includes the end
    token. A hypothesis that has ended stays in the beam until others outrank it.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state, of `B` sources.
        memory: the memory that `step` attends to, a `Memory` of `B` sources of `S` steps.
        beam_width: number of hypotheses `K` per source, a positive integer. With TensorFlow also
            int32 `[B]`, one width per source; then `K` is the largest, at most
            `top_tokens.WIDEST`.
        length_penalty: exponent, a number, or float32 `[B]`, one per source. 0 ranks by
            log-probability; larger values prefer longer outputs.
        max_length: largest number of steps, including the end token; a positive integer.
        coverage_penalty: weight; larger values prefer outputs that attend to the whole source.
        groups: number of beam groups that search separately (Vijayakumar et al. 2018), a divisor
            of `beam_width`. Two groups may find the same hypothesis.
        group_diversity: penalty on a token's rank for each hypothesis of an earlier group that
            chose it at the same step.
        constraints: constraints on `B * K` hypotheses, or None.

    Returns:
        `Hypotheses` with `K` hypotheses per source, best first. If a source's own width is smaller
        than `K`, its remaining scores are below `IMPOSSIBLE / 2` and the tokens are undefined.

    Raises:
        ValueError: if `beam_width` is a number, not a tensor, and is not positive.

    Reference:
        https://arxiv.org/abs/1609.08144
        https://arxiv.org/abs/1610.02424
    """
    batch, source_steps = ops.shape(memory.mask)
    terms = None if constraints is None else constraints.terms
    beam_width, per_source = _split_per_source(beam_width, length_penalty)
    shape = (batch, beam_width)
    rules = Ranking(
        0.0 if "length_penalty" in per_source else length_penalty,
        coverage_penalty,
        memory.mask[:, None],
        groups,
        group_diversity,
        levels=() if terms is None else ops.convert_to_tensor(terms.levels),
    )
    # Reordering the tokens so far at every step is slow, so do it only for constraints.
    track_tokens = constraints is not None and constraints.need_history

    def advance(t: Tensor, live: _Live, history: _History, memory: Any) -> tuple[_Live, _History]:
        beams, shape = live.beams, (ops.shape(memory.mask)[0], beam_width)
        rows = map_tensors(_as_rows, live._replace(beams=beams.tokens))
        logits, state, alignment = step(rows.beams, rows.state, memory)
        if constraints is None:
            candidates = best_candidates(logits, shape)
        else:
            candidates = _constrained(constraints, logits, t, rows, shape)
        alignment = _by_beam(ops.cast(alignment, "float32"), beam_width)
        ranking = rules._replace(mask=memory.mask[:, None], **live.per_source)
        beams, parents = best_continuations(beams, candidates, alignment, ranking)
        if terms is not None:
            beams = end_settled(beams, ranking, max_length)
        state = _reorder(state, parents)
        generated = live.generated
        if track_tokens:
            generated = _write_token(take_places(generated, parents), t, beams.tokens)
        node = live.node
        if constraints is not None and constraints.automaton is not None:
            parent_nodes = _as_rows(take_places(node, parents))
            node = _by_beam(constraints.follow(parent_nodes, _as_rows(beams.tokens)), beam_width)
        history = _History(
            write_step(history.tokens, t, beams.tokens),
            write_step(history.parents, t, parents),
            write_step(history.alignments, t, alignment),
        )
        live = live._replace(beams=beams, state=state, generated=generated, node=node)
        return live, history

    live = _Live(
        first_beams(shape, rules, constrained=constraints is not None),
        # Do not repeat the memory: all hypotheses of a source read it together.
        map_tensors(lambda x: ops.repeat(x[:, None], beam_width, axis=1), state),
        ops.zeros((*shape, max_length), "int32") if track_tokens else (),
        map_tensors(lambda x: _by_beam(x, beam_width), carried_prefix(constraints)),
        first_nodes(constraints, shape),
        per_source,
    )
    steps, live, history = run_steps(
        advance,
        lambda live: ops.all(live.beams.finished, axis=1),
        live,
        _empty_history(shape, max_length, source_steps),
        memory,
        max_length=max_length,
    )
    return _collect(live.beams, history, steps, rules._replace(**live.per_source))


def _constrained(
    constraints: Constraints, logits: Tensor, t: Tensor, rows: _Live, shape: Any
) -> Candidates:
    """Return the candidates `[B, K, C]` under constraints.

    Args:
        constraints: the constraints.
        logits: `[B * K, V]`.
        t: the step, counted from 0.
        rows: the tensors of the step, with one row per hypothesis.
        shape: `(B, K)`.
    """
    automaton, terms, node = constraints.automaton, constraints.terms, rows.node
    now = logits, t, rows.generated, rows.prefix, node
    if automaton is None or terms is None:
        return best_adjusted(*constrain(constraints, *now), shape)
    advancing = advancing_tokens(automaton, terms, node)
    plain, adjusted = constrain(constraints, *now, advancing)
    candidates = banked_candidates(plain, adjusted, advancing, shape)
    count = candidates.tokens.shape[2]
    after = constraints.follow(ops.repeat(node, count), ops.reshape(candidates.tokens, (-1,)))
    return candidates._replace(banks=ops.reshape(ops.take(terms.missing, after), (*shape, count)))


def _empty_history(shape: Any, max_length: int, source_steps: Any) -> _History:
    """Return a history in which every beam `[B, K]` continues itself with padding."""
    zeros = ops.zeros((max_length, *shape), "int32")
    return _History(
        zeros,
        zeros + ops.arange(shape[1], dtype="int32"),
        ops.zeros((max_length, *shape, source_steps), "float32"),
    )


def _collect(beams: Beams, history: _History, steps: Tensor, ranking: Ranking) -> Hypotheses:
    """Return the hypotheses of the last beams, best first over all groups."""
    if ranking.groups == 1 and isinstance(ranking.levels, tuple):  # in this order already
        tokens, alignments = _trace_back(history, steps)
        return Hypotheses(tokens, beams.scores, alignments)
    order = best_order(beams, ranking)
    tokens, alignments = _trace_back(history, steps, order)
    return Hypotheses(tokens, take_places(beams.scores, order), alignments)


def _split_per_source(
    beam_width: int | Tensor, length_penalty: float | Tensor
) -> tuple[int | Tensor, dict[str, Tensor]]:
    """Return the widest beam, and the fields `[B, 1]` of `Ranking` that differ between sources."""
    per_source = {}
    if _has_rows(length_penalty):
        per_source["length_penalty"] = ops.expand_dims(length_penalty, 1)
    if not _has_rows(beam_width):
        check_positive(beam_width=int(beam_width))
        return int(beam_width), per_source
    per_source["widths"] = ops.expand_dims(beam_width, 1)
    return ops.maximum(ops.max(beam_width, initial=1), 1), per_source


def _has_rows(x: Any) -> bool:
    return len(getattr(x, "shape", ())) > 0


def _as_rows(x: Tensor) -> Tensor:
    """Reshape `[B, K, ...]` to `[B * K, ...]`."""
    rows, width, *rest = ops.shape(x)
    return ops.reshape(x, (rows * width, *rest))


def _by_beam(x: Tensor, width: int) -> Tensor:
    """Reshape `[B * K, ...]` to `[B, K, ...]`."""
    rows, *rest = ops.shape(x)
    return ops.reshape(x, (rows // width, width, *rest))


def _reorder(state: Any, parents: Tensor) -> Any:
    """Reshape states `[B * K, ...]` to `[B, K, ...]`, in the order of `parents` `[B, K]`."""
    width = ops.shape(parents)[1]
    return map_tensors(lambda x: take_places(_by_beam(x, width), parents), state)


def _write_token(generated: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
    """Return `generated` `[B, K, T]` with `tokens` `[B, K]` at step `t`."""
    now = ops.equal(ops.arange(generated.shape[2]), t)
    return ops.where(now, ops.expand_dims(tokens, -1), generated)


def _trace_back(
    history: _History, steps: Tensor, places: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return tokens `[B, K, T]` and alignments `[B, K, T, S]`, following each beam's parents.

    The hypotheses are in the order of `places` `[B, K]`, by default the order of the beams.
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
