"""Entries of each row by their places."""

from keras import ops

from keras_attention.masking import Tensor


def take_places(x: Tensor, places: Tensor) -> Tensor:
    """`x` `[N, M, ...]` at `places` `[N, C]` of its second axis: `[N, C, ...]`.

    `ops.take_along_axis` transposes all of `x` on TensorFlow, which here is often large.
    """
    rows, size, *rest = ops.shape(x)
    first = ops.arange(rows, dtype=places.dtype)[:, None] * size
    return ops.take(ops.reshape(x, (rows * size, *rest)), first + places, axis=0)
