"""Which pairs of texts are batched together, by their lengths alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_attention.text.padded_batches import batch_by_tokens

Ints = npt.NDArray[np.int64]


def rank_buckets(source_lengths: Sequence[int], target_lengths: Sequence[int], width: int) -> Ints:
    """Ranks each pair by its bucket; pairs of equal rank are interchangeable.

    Targets come first, because the output projection makes a padded target position the dearest.
    """
    sources = (np.asarray(source_lengths) - 1) // width
    targets = (np.asarray(target_lengths) - 1) // width
    # Back and forth through the sources, so that buckets that share a batch have similar sources.
    last = sources.max(initial=0)
    ranks: Ints = targets * (last + 1) + np.where(targets % 2, last - sources, sources)
    return ranks


def cut_by_pairs(size: int, most: int) -> Ints:
    """Cuts so many pairs into batches whose sizes differ by one pair at most.

    Returns:
        Where each batch begins, and `size` behind them.
    """
    steps = -(-size // most)
    bounds: Ints = np.arange(steps + 1) * size // steps
    return bounds


def cut_by_tokens(lengths: Ints, ranks: Ints, most: int) -> Ints:
    """Cuts pairs, in the order of their ranks, into batches of limited numbers of padded tokens.

    Every pair counts as the longest of its rank, so that the cuts hold for any order within a rank.

    Args:
        lengths: of each pair, `[N]`.
        ranks: of each pair, `[N]`.
        most: largest product of a batch's pairs and its longest one's length; a pair beyond it is
            a batch of its own.

    Returns:
        Where each batch begins in that order, and N behind them.

    Example:
        >>> cut_by_tokens(np.array([2, 9, 3, 1]), np.array([0, 1, 0, 0]), 6).tolist()
        [0, 2, 3, 4]
    """
    order = np.argsort(ranks, kind="stable")
    _, starts, counts = np.unique(ranks[order], return_index=True, return_counts=True)
    longest = np.repeat(np.maximum.reduceat(lengths[order], starts), counts)
    batches = batch_by_tokens(longest.tolist(), int, tokens=most)
    return np.cumsum([0, *map(len, batches)])
