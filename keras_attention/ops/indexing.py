"""Functions that select and reshape the entries of each row."""

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


def take_places(x: Tensor, places: Tensor) -> Tensor:
    """Return the entries of `x` `[N, M, ...]` at `places` `[N, C]` of its second axis.

    On TensorFlow, `ops.take_along_axis` would transpose all of `x`, which is often large, and
    `ops.take` would add five operations for negative places. Places must be in [0, M): any other
    place selects an entry of another row, or raises an error.

    Args:
        x: tensor `[N, M, ...]`.
        places: integer tensor `[N, C]`.

    Returns:
        Tensor `[N, C, ...]`.
    """
    rows, size, *rest = ops.shape(x)
    first = ops.arange(rows, dtype=places.dtype)[:, None] * size
    entries = ops.reshape(x, (rows * size, *rest))
    if keras.backend.backend() != "tensorflow":
        return ops.take(entries, first + places, axis=0)
    import tensorflow as tf

    return tf.gather(entries, first + places)


def flat(x: Tensor) -> Tensor:
    """Reshape `[N, M, C]` to `[N, M * C]`."""
    rows, places, count = ops.shape(x)
    return ops.reshape(x, (rows, places * count))


def contains(numbers: Tensor, count: int | Tensor) -> Tensor:
    """Return whether each row contains each of the numbers from 1 to `count - 1`.

    Args:
        numbers: int32 `[N, L]`, each in [0, count); 0 is padding.
        count: number of columns of the result; on TensorFlow it may be a scalar tensor.

    Returns:
        Boolean `[N, count]`, False in the first column.
    """
    rows = ops.shape(numbers)[0]
    row = ops.expand_dims(ops.arange(rows) * count, 1)
    places = ops.reshape(ops.cast(row, "int32") + numbers, (-1, 1))
    values = ops.reshape(ops.cast(ops.not_equal(numbers, 0), "float32"), (-1,))
    counts = ops.scatter(places, values, (rows * count,))
    return ops.reshape(counts, (-1, count)) > 0
