"""Batches of limited padded size: the memory of a batch goes with its rows times its longest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

BATCH_TOKENS = 16_384
"""Padded tokens in a batch at most: 64 texts of 256 tokens, or 16 of 1,024."""

SORTED_BATCHES = 16
"""Batches whose texts are sorted by length together."""

Item = TypeVar("Item")


def batch_by_tokens(
    items: Iterable[Item],
    length: Callable[[Item], int],
    *,
    rows: int | None = None,
    tokens: int = BATCH_TOKENS,
) -> Iterator[list[Item]]:
    """Cuts items that follow each other into batches of limited rows and padded tokens.

    Sorted items waste the least. No more than one item is read ahead.

    Args:
        items: what to batch, in order.
        length: tokens of an item.
        rows: items in a batch at most; default any number.
        tokens: largest product of a batch's items and its longest one's length; an item beyond it
            is a batch of its own.

    Yields:
        Each batch, at least one item.

    Example:
        >>> list(batch_by_tokens([2, 3, 1, 9, 1, 1], lambda n: n, rows=2, tokens=6))
        [[2, 3], [1], [9], [1, 1]]
    """
    batch: list[Item] = []
    longest = 0
    for item in items:
        size = length(item)
        if batch and max(longest, size) * (len(batch) + 1) > tokens:
            yield batch
            batch, longest = [], 0
        batch.append(item)
        longest = max(longest, size)
        if len(batch) == rows:
            yield batch
            batch, longest = [], 0
    if batch:
        yield batch
