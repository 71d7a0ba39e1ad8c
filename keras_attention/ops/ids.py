"""Checks of ids, whose values no backend checks on every device."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_attention.ops.masking import Tensor


def concrete(value: Any) -> np.ndarray[Any, Any] | None:
    """Return the numbers of an array or tensor; None if it is symbolic or has no numbers."""
    try:
        array = keras.ops.convert_to_numpy(value)
    except (NotImplementedError, TypeError, ValueError, AttributeError):
        return None  # each backend has its own error for a symbolic tensor
    return array if isinstance(array, np.ndarray) and array.dtype.kind in "iuf" else None


def check_ids(ids: Tensor, size: int, name: str, setting: str) -> None:
    """Check that every id is in a vocabulary. Symbolic tensors are not checked.

    For an id out of range, TensorFlow's error on a CPU names only an operation. On a GPU and on JAX
    there is no error, and the results are wrong.

    Args:
        ids: the ids, of any shape.
        size: number of ids in the vocabulary.
        name: what the message calls the ids.
        setting: the setting that defines `size`.

    Raises:
        ValueError: if an id is negative or too large.

    Example:
        >>> check_ids(np.array([[5, 12]]), 12, "target_in", "target_vocabulary_size")
        Traceback (most recent call last):
        ...
        ValueError: `target_in` must be ids from 0 to 11, because target_vocabulary_size=12. \
Received: ids from 5 to 12.
    """
    numbers = concrete(ids)
    if numbers is None or not numbers.size:
        return
    low, high = numbers.min(), numbers.max()
    if low < 0 or high >= size:
        raise ValueError(
            f"`{name}` must be ids from 0 to {size - 1}, because {setting}={size}. "
            f"Received: ids from {low:g} to {high:g}."
        )
