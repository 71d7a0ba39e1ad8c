"""The devices and processes among which `keras.distribution` divides every batch, on JAX."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def is_distributed() -> bool:
    """Return whether a `keras.distribution` is set, which this package supports on JAX only."""
    return keras.backend.backend() == "jax" and keras.distribution.distribution() is not None


def device_count() -> int:
    """Return the number of devices of all processes, or 1 without a distribution."""
    if not is_distributed():
        return 1
    import jax

    return int(jax.device_count())


def process_count() -> int:
    """Return the number of processes, or 1 without a distribution."""
    if not is_distributed():
        return 1
    import jax

    return int(jax.process_count())


def process_index() -> int:
    """Return the number of this process, from 0; the first one writes the run folder."""
    if not is_distributed():
        return 0
    import jax

    return int(jax.process_index())


def own_rows(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Return the batches with only the rows that this process trains on.

    All processes make the same batches and cut them into consecutive parts of equal size.

    Args:
        batches: A dataset whose tensors have a multiple of `process_count()` rows.
    """
    count, index = process_count(), process_index()
    if count == 1:
        return batches

    def cut(*batch: Any) -> Any:
        return tf.nest.map_structure(lambda rows: tf.split(rows, count)[index], batch)

    return batches.map(cut)
