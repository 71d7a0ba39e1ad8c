"""Bucketing: pairs are batched together according to their lengths only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.text.padded_batches import batch_by_tokens

Ints = npt.NDArray[np.int64]

Ranks = npt.NDArray[Any]
"""Integers of at least 0, in the smallest integer type that can hold them."""


def rank_buckets(
    source_lengths: Sequence[int] | Ints, target_lengths: Sequence[int] | Ints, width: int
) -> Ranks:
    """Return the rank of each pair's bucket; pairs of equal rank are interchangeable.

    Buckets are ordered by target length first, because the output projection makes padding in
    targets the most expensive.
    """
    sources = (np.asarray(source_lengths) - 1) // width
    targets = (np.asarray(target_lengths) - 1) // width
    # Alternate the order of source lengths, so that neighboring buckets have similar sources.
    last = sources.max(initial=0)
    return narrowed(targets * (last + 1) + np.where(targets % 2, last - sources, sources))


def narrowed(numbers: Ints) -> Ranks:
    """Convert integers of at least 0 to the smallest integer type that can hold them."""
    return numbers.astype(np.min_scalar_type(numbers.max(initial=0)))


def order_of(ranks: Ranks) -> Ints:
    """Return the indices of pairs, sorted by their ranks. Pairs of equal rank keep their order.

    This is a stable `argsort`. NumPy sorts integers of 16 bits in linear time. To be fast for many
    pairs, this function sorts wider integers by their lower 16 bits, and then by their upper bits.
    """
    if ranks.itemsize <= 2:
        return np.argsort(ranks, kind="stable")
    order = np.argsort((ranks & 0xFFFF).astype("uint16"), kind="stable")
    return order[order_of(narrowed(ranks[order] >> 16))]


def cut_by_pairs(size: int, most: int) -> Ints:
    """Cut `size` pairs into batches of `most` pairs or fewer; their sizes differ by at most one.

    Returns:
        The index where each batch begins, followed by `size`.
    """
    steps = -(-size // most)
    bounds: Ints = np.arange(steps + 1) * size // steps
    return bounds


def cut_by_tokens(lengths: Ranks, ranks: Ranks, most: int) -> Ints:
    """Cut pairs, ordered by rank, into batches with a limited number of tokens after padding.

    Every pair counts as if it were as long as the longest pair of its rank, so that the limit holds
    for any order within a rank.

    Args:
        lengths: the length of each pair, `[N]`.
        ranks: the rank of each pair, `[N]`.
        most: limit of the product of a batch's number of pairs and the length of its longest pair.
            A longer pair is a batch by itself.

    Returns:
        The index where each batch begins in the order of ranks, followed by N.

    Example:
        >>> cut_by_tokens(np.array([2, 9, 3, 1]), np.array([0, 1, 0, 0]), 6).tolist()
        [0, 2, 3, 4]
    """
    order = order_of(ranks)
    _, starts, counts = np.unique(ranks[order], return_index=True, return_counts=True)
    longest = np.repeat(np.maximum.reduceat(lengths[order], starts), counts)
    batches = batch_by_tokens(longest.tolist(), int, tokens=most)
    return np.cumsum([0, *map(len, batches)])
