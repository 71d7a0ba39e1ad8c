"""The beams of beam search at one step, and which of their continuations are kept."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.hypotheses import IMPOSSIBLE, Tensor
from keras_attention.vocabulary import END_ID, PAD_ID, START_ID

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
        length_penalty: exponent; 0 ranks by log-probability.
        coverage_penalty: weight; 0 does without.
        mask: real source positions `[B, K, S]`, read for the coverage penalty.
        groups: groups of beams that do not compete, a divisor of `K`.
        group_diversity: what a token loses for each hypothesis of an earlier group that says it.
    """

    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    mask: Tensor = ()
    groups: int = 1
    group_diversity: float = 0.0


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
        ops.zeros(ops.shape(ranking.mask), "float32") if ranking.coverage_penalty else (),
    )


def best_continuations(
    beams: Beams, plain: Tensor, adjusted: Tensor, alignment: Tensor, ranking: Ranking
) -> tuple[Beams, Tensor]:
    """The `K` best of all continuations, and the beams that they continue.

    Args:
        beams: the step before.
        plain: log-probabilities `[B, K, V]` to be reported.
        adjusted: log-probabilities `[B, K, V]` to rank by, or `()` for `plain`.
        alignment: this step's `[B, K, S]`.
        ranking: the rules.
    """
    width, vocabulary = plain.shape[1], plain.shape[2]
    scores = sums = _continued(beams.scores, plain, beams.finished)
    if not _absent(beams.adjusted):
        sums = _continued(beams.adjusted, adjusted, beams.finished)
    lengths = beams.lengths + ops.cast(ops.logical_not(beams.finished), "int32")
    coverage = beams.coverage
    ranks = sums / ops.expand_dims(_penalty(lengths, ranking.length_penalty), -1)
    if not _absent(coverage):
        finished = ops.expand_dims(beams.finished, -1)
        coverage = coverage + ops.where(finished, 0.0, alignment)
        ranks = ranks + ops.expand_dims(_coverage_penalty(coverage, ranking), -1)
    if ranking.groups == 1:
        _, best = ops.top_k(ops.reshape(ranks, (-1, width * vocabulary)), width)
        best = ops.cast(best, "int32")
    else:
        best = _best_of_groups(ranks, sums, ranking)
    parents, tokens = best // vocabulary, best % vocabulary
    finished = ops.take_along_axis(beams.finished, parents, axis=1)

    def kept(x: Tensor) -> Tensor:
        flat = ops.reshape(x, (-1, width * vocabulary))
        return ops.take_along_axis(flat, best, axis=1)

    return (
        Beams(
            tokens,
            kept(scores),
            ops.take_along_axis(lengths, parents, axis=1),
            ops.logical_or(finished, ops.equal(tokens, END_ID)),
            () if _absent(beams.adjusted) else kept(sums),
            () if _absent(coverage) else _of_parents(coverage, parents),
        ),
        parents,
    )


def best_order(beams: Beams, ranking: Ranking) -> Tensor:
    """Places `[B, K]` of the hypotheses, best first over all groups."""
    sums = beams.scores if _absent(beams.adjusted) else beams.adjusted
    ranks = sums / _penalty(beams.lengths, ranking.length_penalty)
    if not _absent(beams.coverage):
        ranks = ranks + _coverage_penalty(beams.coverage, ranking)
    return ops.cast(ops.top_k(ranks, ranks.shape[1])[1], "int32")


def _continued(sums: Tensor, log_probs: Tensor, finished: Tensor) -> Tensor:
    """Sums `[B, K, V]` of every continuation."""
    # An ended hypothesis has one continuation, padding, which leaves its score as it is.
    padding = ops.where(ops.equal(ops.arange(log_probs.shape[2]), PAD_ID), 0.0, IMPOSSIBLE)
    log_probs = ops.where(ops.expand_dims(finished, -1), padding, log_probs)
    return ops.expand_dims(sums, -1) + log_probs


def _best_of_groups(ranks: Tensor, sums: Tensor, ranking: Ranking) -> Tensor:
    """Each group in turn, its ranks less what the groups before it say (Hamming diversity).

    Vijayakumar et al. 2018, eq. 5 and 7: the loss chooses, and is not carried to the next step.
    """
    width, vocabulary = ranks.shape[1], ranks.shape[2]
    size = width // ranking.groups
    said, chosen = ops.zeros_like(ranks[:, :1]), []
    for first in range(0, width, size):
        group = slice(first, first + size)
        candidates = ranks[:, group] - ranking.group_diversity * said
        _, best = ops.top_k(ops.reshape(candidates, (-1, size * vocabulary)), size)
        best = ops.cast(best, "int32")
        reached = ops.reshape(sums[:, group], (-1, size * vocabulary))
        reached = ops.take_along_axis(reached, best, axis=1)
        tokens = best % vocabulary
        # Neither fillers nor the padding of ended hypotheses are anything that was said.
        real = ops.logical_and(reached > IMPOSSIBLE / 2, ops.not_equal(tokens, PAD_ID))
        counts = ops.one_hot(tokens, vocabulary) * ops.expand_dims(ops.cast(real, "float32"), -1)
        said = said + ops.sum(counts, axis=1, keepdims=True)
        chosen.append(best + first * vocabulary)
    return ops.concatenate(chosen, axis=1)


def _penalty(lengths: Tensor, length_penalty: float) -> Tensor:
    return ops.power((5.0 + ops.cast(lengths, "float32")) / 6.0, length_penalty)


def _coverage_penalty(coverage: Tensor, ranking: Ranking) -> Tensor:
    """`weight * sum_i log(min(sum_j alignment_ij, 1))` over real positions: `[B, K]`."""
    share = ops.where(ranking.mask, ops.clip(coverage, LEAST_COVERAGE, 1.0), 1.0)
    return ranking.coverage_penalty * ops.sum(ops.log(share), axis=-1)


def _of_parents(x: Tensor, parents: Tensor) -> Tensor:
    """`x` `[B, K, S]` in the order of the beams' parents `[B, K]`."""
    return ops.take_along_axis(x, ops.expand_dims(parents, -1), axis=1)


def _absent(x: Tensor) -> bool:
    return isinstance(x, tuple)
