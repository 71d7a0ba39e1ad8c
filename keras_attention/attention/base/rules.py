"""Checks for mechanisms, their inputs and recipes. This module does not import Keras."""

from typing import Any


def check_own_mapping(mapping: str) -> None:
    """Check that a score has the default mapping; monotonic attention would ignore any other."""
    if mapping != "softmax":
        raise ValueError(
            "`mapping` of the score must be 'softmax', because monotonic attention does not use "
            f"it. Received: mapping={mapping!r}."
        )


def check_heads(units: int, heads: int) -> None:
    """Check that `units` columns can be split into heads of equal width."""
    if units % heads:
        raise ValueError(
            f"`units` must be a multiple of `heads`. Received: units={units}, heads={heads}."
        )


def check_shapes(query: Any, memory: Any, memory_mask: Any) -> None:
    """Check the shapes of a mechanism's inputs as far as they are known.

    A mask with a further axis would be broadcast to an output of a wrong shape.

    Args:
        query: `[B, T, D]` or `[B * K, D]`.
        memory: `[B, S, M]`.
        memory_mask: `[B, S]`, or None.
    """
    if len(memory.shape) != 3:
        raise ValueError(f"`memory` must have the shape [B, S, M]. Received: {_sizes(memory)}.")
    if len(query.shape) == 3 and not _agree(query.shape[:1], memory.shape[:1]):
        raise ValueError(
            "`query` [B, T, D] and `memory` [B, S, M] must have the same B. "
            f"Received: {_sizes(query)} and {_sizes(memory)}."
        )
    if memory_mask is not None and not _agree(memory_mask.shape, memory.shape[:2]):
        raise ValueError(
            "`memory_mask` must have the shape [B, S] of `memory` [B, S, M]. "
            f"Received: {_sizes(memory_mask)} and {_sizes(memory)}."
        )


def _agree(shape: Any, other: Any) -> bool:
    """Return whether two shapes can be equal; None is a size that is not known."""
    return len(shape) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, other, strict=True)
    )


def _sizes(tensor: Any) -> tuple[int | None, ...]:
    return tuple(tensor.shape)
