"""Batches of limited padded size, because memory grows with the rows times the longest text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

BATCH_TOKENS = 16_384
"""Largest number of padded tokens in a batch: 64 texts of 256 tokens, or 16 of 1,024."""

BATCH_NUMBERS = 2**27
"""Largest number of logits, or of alignment weights, in a batch: 512 MiB in float32."""

SORTED_BATCHES = 16
"""Number of batches that are filled from one sorted list: the texts of this many batches are read,
sorted by length, and then split into batches."""

Item = TypeVar("Item")


def batch_by_tokens(
    items: Iterable[Item],
    length: Callable[[Item], int],
    *,
    rows: int | None = None,
    tokens: int = BATCH_TOKENS,
) -> Iterator[list[Item]]:
    """Split items into batches with a limited number of rows and of padded tokens.

    Items sorted by length need the least padding. At most one item is read ahead.

    Args:
        items: the items, in order.
        length: returns the number of tokens of an item.
        rows: largest number of items in a batch. Default: no limit.
        tokens: largest number of padded tokens in a batch. A batch has as many padded tokens as
            its number of items times the length of its longest item. An item with more tokens than
            this limit is a batch on its own.

    Yields:
        Batches of at least one item.

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
