"""The beams of one step of beam search, and the choice of their best continuations."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.automata.banks import best_of_banks
from keras_attention.decoding.hypotheses import IMPOSSIBLE, Tensor, choosable
from keras_attention.decoding.top_tokens import at_most, top_k, top_tokens
from keras_attention.ops.indexing import flat, take_places
from keras_attention.ops.ordering import largest
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

LEAST_COVERAGE = 1e-6
"""The smallest coverage of a source token in the penalty, so that its logarithm is finite."""


class Beams(NamedTuple):
    """The hypotheses after a step; each field is `[B, K]`, best first within each group.

    A field that only some options need is `()` if none of them is set.
    """

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor
    adjusted: Tensor = ()  # [B, K]: scores from log-probabilities that constraints adjusted
    coverage: Tensor = ()  # [B, K, S]: sum of the alignments so far


class Ranking(NamedTuple):
    """The rules that rank hypotheses.

    Attributes:
        length_penalty: exponent; 0 ranks by log-probability. A number, or `[B, 1]`, one per source.
        coverage_penalty: weight; 0 means no penalty.
        mask: `[B, 1, S]`, True at real source tokens; used by the coverage penalty.
        groups: number of beam groups that search separately, a divisor of `K`.
        group_diversity: penalty on a token for each hypothesis of an earlier group that chose it.
        widths: number of hypotheses of each source, `[B, 1]`, at most `K`; `()` if all have `K`.
        levels: the numbers of the banks that share the beam; `()` without forced terms.
    """

    length_penalty: float | Tensor = 0.0
    coverage_penalty: float = 0.0
    mask: Tensor = ()
    groups: int = 1
    group_diversity: float = 0.0
    widths: Tensor = ()
    levels: Tensor = ()


class Candidates(NamedTuple):
    """The most likely next tokens of every beam, best first, each `[B, K, C]`."""

    tokens: Tensor
    plain: Tensor  # the log-probabilities to add to scores
    adjusted: Tensor = ()  # the log-probabilities to rank by, if constraints adjusted them
    banks: Tensor = ()  # the bank of each continuation, if the ranking has `levels`


def best_candidates(logits: Tensor, shape: Any) -> Candidates:
    """Return the `C = K` best tokens of every beam, or all if there are fewer.

    More candidates are never needed: all continuations of a beam have the same length and coverage,
    so they rank by log-probability. A group keeps `size` continuations. Earlier groups lower the
    rank of at most `K - size` tokens, so at least `size` candidates are not affected.

    Args:
        logits: `[B * K, V]`.
        shape: `(B, K)`.

    Returns:
        `Candidates` without `adjusted`.
    """
    gains, tokens = top_tokens(logits, shape[1])
    return Candidates(_by_beam(tokens, shape), _by_beam(gains, shape))


def best_adjusted(plain: Tensor, adjusted: Tensor, shape: Any) -> Candidates:
    """Return the best tokens of every beam by log-probabilities that constraints adjusted.

    Args:
        plain: the model's log-probabilities `[B * K, V]`.
        adjusted: the log-probabilities to rank by, `[B * K, V]`.
        shape: `(B, K)`.

    Returns:
        `Candidates` with `adjusted`.
    """
    best, tokens = top_k(adjusted, at_most(shape[1], adjusted.shape[-1]))
    gains = take_places(plain, tokens)
    return Candidates(*(_by_beam(x, shape) for x in (tokens, gains, best)))


def banked_candidates(plain: Tensor, adjusted: Tensor, advancing: Tensor, shape: Any) -> Candidates:
    """Return the best tokens of every beam, and the best of those that advance its terms.

    Args:
        plain: as for `best_adjusted`.
        adjusted: as for `best_adjusted`.
        advancing: which tokens reduce the number of tokens that the terms still need
            `[B * K, V]`.
        shape: `(B, K)`.

    Returns:
        `Candidates` with `adjusted`.
    """
    halves = [
        best_adjusted(
            ops.where(among, plain, IMPOSSIBLE), ops.where(among, adjusted, IMPOSSIBLE), shape
        )
        for among in (ops.logical_not(advancing), advancing)
    ]
    tokens, gains, best = (
        ops.concatenate([getattr(half, name) for half in halves], axis=2)
        for name in ("tokens", "plain", "adjusted")
    )
    return Candidates(tokens, gains, best)


def _by_beam(x: Tensor, shape: Any) -> Tensor:
    return ops.reshape(x, (*shape, ops.shape(x)[-1]))


def first_beams(shape: Any, ranking: Ranking, *, constrained: bool) -> Beams:
    """Return the first beams, with one possible hypothesis per source and group.

    Further hypotheses would be equal, because no token has been generated yet.
    """
    first = ops.arange(shape[1])
    if ranking.groups > 1:
        first = first % (shape[1] // ranking.groups)
    scores = ops.where(ops.equal(first, 0), ops.zeros(shape, "float32"), IMPOSSIBLE)
    return Beams(
        ops.full(shape, START_ID, "int32"),
        scores,
        ops.zeros(shape, "int32"),
        ops.zeros(shape, "bool"),
        scores if constrained else (),
        ops.zeros((*shape, ops.shape(ranking.mask)[2]), "float32")
        if ranking.coverage_penalty
        else (),
    )


def best_continuations(
    beams: Beams, candidates: Candidates, alignment: Tensor, ranking: Ranking
) -> tuple[Beams, Tensor]:
    """Return the `K` best continuations, and the beams that they continue.

    Args:
        beams: the beams of the previous step.
        candidates: the next tokens of every beam.
        alignment: the alignment of this step, `[B, K, S]`.
        ranking: the rules that rank hypotheses.
    """
    count = ops.shape(candidates.tokens)[2]
    tokens, finished = candidates.tokens, ops.expand_dims(beams.finished, -1)
    tokens = ops.where(finished, PAD_ID, tokens)
    scores, sums = _sum_continuations(beams, candidates, finished)
    lengths = beams.lengths + ops.cast(ops.logical_not(beams.finished), "int32")
    coverage = beams.coverage
    ranks = sums / ops.expand_dims(_penalty(lengths, ranking.length_penalty), -1)
    if not _absent(coverage):
        coverage = coverage + ops.where(finished, 0.0, alignment)
        ranks = ranks + ops.expand_dims(_coverage_penalty(coverage, ranking), -1)
    if _absent(ranking.levels):
        best = _best_of_groups(ranks, sums, tokens, ranking)
    else:
        possible = flat(scores) > IMPOSSIBLE / 2
        width = beams.tokens.shape[1]
        best = best_of_banks(flat(ranks), possible, flat(candidates.banks), ranking.levels, width)
    parents = best // count

    def kept(x: Tensor) -> Tensor:
        return take_places(flat(x), best)

    chosen = kept(tokens)
    chosen_scores = kept(scores)
    ended = ops.logical_or(take_places(beams.finished, parents), ops.equal(chosen, END_ID))
    new = Beams(
        chosen,
        chosen_scores,
        take_places(lengths, parents),
        # The search need not wait for impossible hypotheses.
        ops.logical_or(ended, chosen_scores < IMPOSSIBLE / 2),
        () if _absent(beams.adjusted) else kept(sums),
        () if _absent(coverage) else take_places(coverage, parents),
    )
    return new if _absent(ranking.widths) else _narrow(new, ranking.widths), parents


def end_settled(beams: Beams, ranking: Ranking, max_length: int) -> Beams:
    """End the search of a source when no other hypothesis can outrank its best ended hypothesis.

    The hypotheses that have not ended become impossible. Hypotheses that lack terms cannot
    end, so without this rule every search would run until `max_length`.
    """
    ended = ops.logical_and(beams.finished, beams.scores > IMPOSSIBLE / 2)
    best = ops.where(ended, _rank(beams, ranking), IMPOSSIBLE)
    # No rank exceeds this one: scores fall with each token, and the coverage penalty is at most 0.
    longest = ops.full_like(beams.lengths, max_length)
    limit = beams.adjusted / _penalty(longest, ranking.length_penalty)
    limit = ops.where(beams.finished, IMPOSSIBLE, limit)
    settled = ops.max(best, axis=1, keepdims=True) >= ops.max(limit, axis=1, keepdims=True)
    return _remove(beams, ops.logical_and(settled, ops.logical_not(beams.finished)))


def best_order(beams: Beams, ranking: Ranking) -> Tensor:
    """Return the places `[B, K]` of the hypotheses, best first over all groups."""
    ranks = _rank(beams, ranking)
    return ops.cast(largest(ranks, ranks.shape[1])[1], "int32")


def _rank(beams: Beams, ranking: Ranking) -> Tensor:
    sums = beams.scores if _absent(beams.adjusted) else beams.adjusted
    ranks = sums / _penalty(beams.lengths, ranking.length_penalty)
    if _absent(beams.coverage):
        return ranks
    return ranks + _coverage_penalty(beams.coverage, ranking)


def _narrow(beams: Beams, widths: Tensor) -> Beams:
    """End the hypotheses beyond each source's own width and make them impossible."""
    return _remove(beams, ops.arange(ops.shape(beams.tokens)[1], dtype="int32") >= widths)


def _remove(beams: Beams, removed: Tensor) -> Beams:
    """End some of the hypotheses `[B, K]` and make them impossible."""

    def remove(scores: Tensor) -> Tensor:
        return ops.where(removed, IMPOSSIBLE, scores)

    return beams._replace(
        scores=remove(beams.scores),
        finished=ops.logical_or(beams.finished, removed),
        adjusted=() if _absent(beams.adjusted) else remove(beams.adjusted),
    )


def _sum_continuations(
    beams: Beams, candidates: Candidates, finished: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the scores `[B, K, C]` of all continuations, and the sums to rank by.

    Both are `IMPOSSIBLE` for continuations that the search may not choose.
    """
    gains = _gains(candidates.plain, finished)
    scores = ops.expand_dims(beams.scores, -1) + gains
    possible = _choosable(gains, scores)
    if not _absent(candidates.banks):  # the second half of the candidates advances terms
        advancing = ops.arange(gains.shape[2]) >= gains.shape[2] // 2
        among = _choosable(gains, ops.where(advancing, scores, IMPOSSIBLE))
        possible = ops.logical_or(possible, among)
    scores = ops.where(possible, scores, IMPOSSIBLE)
    if _absent(beams.adjusted):
        return scores, scores
    sums = ops.expand_dims(beams.adjusted, -1) + _gains(candidates.adjusted, finished)
    return scores, ops.where(possible, sums, IMPOSSIBLE)


def _choosable(gains: Tensor, scores: Tensor) -> Tensor:
    """Return which continuations of a source the search may choose, `[B, K, C]`."""
    return ops.reshape(choosable(flat(gains), flat(scores) > IMPOSSIBLE / 2), ops.shape(gains))


def _gains(gains: Tensor, finished: Tensor) -> Tensor:
    """Return what each continuation adds to the score of its hypothesis, `[B, K, C]`."""
    # A hypothesis that has ended has one continuation, padding, which does not change its score.
    padding = ops.where(ops.equal(ops.arange(ops.shape(gains)[2]), 0), 0.0, IMPOSSIBLE)
    return ops.where(finished, padding, gains)


def _best_of_groups(ranks: Tensor, sums: Tensor, tokens: Tensor, ranking: Ranking) -> Tensor:
    """Return the places `[B, K]` of the continuations that groups keep, among all `K * C`.

    Groups choose one after the other. Each group lowers the rank of the tokens that earlier groups
    chose (Hamming diversity, Vijayakumar et al. 2018, eq. 5 and 7). This affects the choice only,
    not the scores of the next step.
    """
    if ranking.groups == 1:
        return ops.cast(largest(flat(ranks), ops.shape(ranks)[1])[1], "int32")
    size, count = ranks.shape[1] // ranking.groups, ranks.shape[2]
    earlier_choices: list[tuple[Tensor, Tensor]] = []
    chosen = []
    for first in range(0, ranks.shape[1], size):
        group = slice(first, first + size)
        candidates = ranks[:, group]
        for token, real in earlier_choices:
            again = ops.logical_and(real, ops.equal(tokens[:, group], token))
            candidates = candidates - ranking.group_diversity * ops.cast(again, "float32")
        _, best = largest(flat(candidates), size)
        best = ops.cast(best, "int32")
        chosen.append(best + first * count)
        reached = take_places(flat(sums[:, group]), best)
        picked = take_places(flat(tokens[:, group]), best)
        # Impossible hypotheses and the padding of ended hypotheses do not count as choices.
        real = ops.logical_and(reached > IMPOSSIBLE / 2, ops.not_equal(picked, PAD_ID))
        earlier_choices += [
            (picked[:, place, None, None], real[:, place, None, None]) for place in range(size)
        ]
    return ops.concatenate(chosen, axis=1)


def _penalty(lengths: Tensor, length_penalty: float | Tensor) -> Tensor:
    return ops.power((5.0 + ops.cast(lengths, "float32")) / 6.0, length_penalty)


def _coverage_penalty(coverage: Tensor, ranking: Ranking) -> Tensor:
    """Return `weight * sum_i log(min(sum_j alignment_ij, 1))` `[B, K]` over real tokens."""
    covered = ops.where(ranking.mask, ops.clip(coverage, LEAST_COVERAGE, 1.0), 1.0)
    return ranking.coverage_penalty * ops.sum(ops.log(covered), axis=-1)


def _absent(x: Tensor) -> bool:
    return isinstance(x, tuple)
