"""The beams of beam search at one step, and which of their continuations are kept."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.hypotheses import IMPOSSIBLE, Tensor
from keras_attention.decoding.top_tokens import at_most, top_k, top_tokens
from keras_attention.ops.indexing import flat, take_places
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

LEAST_COVERAGE = 1e-6
"""What a source position counts that no step attends to: its logarithm must be finite."""


class Beams(NamedTuple):
    """The last step of all hypotheses, `[B, K]` each, best first within each group.

    What only some options need is `()` without them, and costs nothing.
    """

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor
    adjusted: Tensor = ()  # [B, K]: as scores, of the log-probabilities that constraints adjusted
    coverage: Tensor = ()  # [B, K, S]: alignments so far, summed


class Ranking(NamedTuple):
    """What decides which hypotheses stay.

    Attributes:
        length_penalty: exponent; 0 ranks by log-probability. A number, or one a source, `[B, 1]`.
        coverage_penalty: weight; 0 does without.
        mask: real source positions `[B, 1, S]`, read for the coverage penalty.
        groups: groups of beams that do not compete, a divisor of `K`.
        group_diversity: what a token loses for each hypothesis of an earlier group that says it.
        widths: hypotheses of each source, `[B, 1]`, at most `K`; or `()`, where all have `K`.
    """

    length_penalty: float | Tensor = 0.0
    coverage_penalty: float = 0.0
    mask: Tensor = ()
    groups: int = 1
    group_diversity: float = 0.0
    widths: Tensor = ()


class Candidates(NamedTuple):
    """The likeliest next tokens of every beam, best first, `[B, K, C]` each."""

    tokens: Tensor
    plain: Tensor  # log-probabilities to be reported
    adjusted: Tensor = ()  # those to rank by, where constraints adjusted them


def best_candidates(logits: Tensor, shape: Any) -> Candidates:
    """The `C = K` best tokens of every beam, or all where there are fewer.

    More can never be kept: a beam's continuations have one length and one coverage, so that they
    rank by log-probability alone. Other groups say at most `K - size` tokens, which lose in rank;
    so many as the group's own size are left.

    Args:
        logits: `[B * K, V]`.
        shape: `(B, K)`.

    Returns:
        `Candidates` without `adjusted`.
    """
    gains, tokens = top_tokens(logits, shape[1])
    return Candidates(_by_beam(tokens, shape), _by_beam(gains, shape))


def best_adjusted(plain: Tensor, adjusted: Tensor, shape: Any) -> Candidates:
    """The same by log-probabilities that constraints adjusted.

    Args:
        plain: the model's own, `[B * K, V]`.
        adjusted: those to rank by, `[B * K, V]`.
        shape: `(B, K)`.

    Returns:
        `Candidates` with `adjusted`.
    """
    best, tokens = top_k(adjusted, at_most(shape[1], adjusted.shape[-1]))
    gains = take_places(plain, tokens)
    return Candidates(*(_by_beam(x, shape) for x in (tokens, gains, best)))


def _by_beam(x: Tensor, shape: Any) -> Tensor:
    return ops.reshape(x, (*shape, ops.shape(x)[-1]))


def first_beams(shape: Any, ranking: Ranking, *, constrained: bool) -> Beams:
    """One real hypothesis a source and group; the others must not repeat it."""
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
    """The `K` best of all continuations, and the beams that they continue.

    Args:
        beams: the step before.
        candidates: of every beam.
        alignment: this step's `[B, K, S]`.
        ranking: the rules.
    """
    count = ops.shape(candidates.tokens)[2]
    tokens, finished = candidates.tokens, ops.expand_dims(beams.finished, -1)
    tokens = ops.where(finished, PAD_ID, tokens)
    scores = sums = _continued(beams.scores, candidates.plain, finished)
    if not _absent(beams.adjusted):
        sums = _continued(beams.adjusted, candidates.adjusted, finished)
    lengths = beams.lengths + ops.cast(ops.logical_not(beams.finished), "int32")
    coverage = beams.coverage
    ranks = sums / ops.expand_dims(_penalty(lengths, ranking.length_penalty), -1)
    if not _absent(coverage):
        coverage = coverage + ops.where(finished, 0.0, alignment)
        ranks = ranks + ops.expand_dims(_coverage_penalty(coverage, ranking), -1)
    best = _best_of_groups(ranks, sums, tokens, ranking)
    parents = best // count

    def kept(x: Tensor) -> Tensor:
        return take_places(flat(x), best)

    chosen = kept(tokens)
    ended = take_places(beams.finished, parents)
    new = Beams(
        chosen,
        kept(scores),
        take_places(lengths, parents),
        ops.logical_or(ended, ops.equal(chosen, END_ID)),
        () if _absent(beams.adjusted) else kept(sums),
        () if _absent(coverage) else take_places(coverage, parents),
    )
    return new if _absent(ranking.widths) else _narrowed(new, ranking.widths), parents


def best_order(beams: Beams, ranking: Ranking) -> Tensor:
    """Places `[B, K]` of the hypotheses, best first over all groups."""
    sums = beams.scores if _absent(beams.adjusted) else beams.adjusted
    ranks = sums / _penalty(beams.lengths, ranking.length_penalty)
    if not _absent(beams.coverage):
        ranks = ranks + _coverage_penalty(beams.coverage, ranking)
    return ops.cast(ops.top_k(ranks, ranks.shape[1])[1], "int32")


def _narrowed(beams: Beams, widths: Tensor) -> Beams:
    """Gives up the hypotheses beyond each source's own width."""
    spare = ops.arange(ops.shape(beams.tokens)[1], dtype="int32") >= widths

    def given_up(scores: Tensor) -> Tensor:
        return ops.where(spare, IMPOSSIBLE, scores)

    return beams._replace(
        scores=given_up(beams.scores),
        finished=ops.logical_or(beams.finished, spare),
        adjusted=() if _absent(beams.adjusted) else given_up(beams.adjusted),
    )


def _continued(sums: Tensor, gains: Tensor, finished: Tensor) -> Tensor:
    """Sums `[B, K, C]` of every continuation."""
    # An ended hypothesis has one continuation, padding, which leaves its score as it is.
    padding = ops.where(ops.equal(ops.arange(ops.shape(gains)[2]), 0), 0.0, IMPOSSIBLE)
    return ops.expand_dims(sums, -1) + ops.where(finished, padding, gains)


def _best_of_groups(ranks: Tensor, sums: Tensor, tokens: Tensor, ranking: Ranking) -> Tensor:
    """Places `[B, K]` among all continuations `K * C` of those that each group keeps.

    Each group in turn loses in rank what the groups before it say (Hamming diversity,
    Vijayakumar et al. 2018, eq. 5 and 7: the loss chooses, and is not carried to the next step).
    """
    if ranking.groups == 1:
        return ops.cast(ops.top_k(flat(ranks), ops.shape(ranks)[1])[1], "int32")
    size, count = ranks.shape[1] // ranking.groups, ranks.shape[2]
    earlier_choices: list[tuple[Tensor, Tensor]] = []
    chosen = []
    for first in range(0, ranks.shape[1], size):
        group = slice(first, first + size)
        candidates = ranks[:, group]
        for token, real in earlier_choices:
            again = ops.logical_and(real, ops.equal(tokens[:, group], token))
            candidates = candidates - ranking.group_diversity * ops.cast(again, "float32")
        _, best = ops.top_k(flat(candidates), size)
        best = ops.cast(best, "int32")
        chosen.append(best + first * count)
        reached = take_places(flat(sums[:, group]), best)
        picked = take_places(flat(tokens[:, group]), best)
        # Neither fillers nor the padding of ended hypotheses are anything that was said.
        real = ops.logical_and(reached > IMPOSSIBLE / 2, ops.not_equal(picked, PAD_ID))
        earlier_choices += [
            (picked[:, place, None, None], real[:, place, None, None]) for place in range(size)
        ]
    return ops.concatenate(chosen, axis=1)


def _penalty(lengths: Tensor, length_penalty: float | Tensor) -> Tensor:
    return ops.power((5.0 + ops.cast(lengths, "float32")) / 6.0, length_penalty)


def _coverage_penalty(coverage: Tensor, ranking: Ranking) -> Tensor:
    """`weight * sum_i log(min(sum_j alignment_ij, 1))` over real positions: `[B, K]`."""
    share = ops.where(ranking.mask, ops.clip(coverage, LEAST_COVERAGE, 1.0), 1.0)
    return ranking.coverage_penalty * ops.sum(ops.log(share), axis=-1)


def _absent(x: Tensor) -> bool:
    return isinstance(x, tuple)
