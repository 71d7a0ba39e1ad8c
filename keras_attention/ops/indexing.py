"""Entries of rows, by their places."""

from keras import ops

from keras_attention.ops.masking import Tensor


def take_places(x: Tensor, places: Tensor) -> Tensor:
    """`x` `[N, M, ...]` at `places` `[N, C]` of its second axis: `[N, C, ...]`.

    `ops.take_along_axis` transposes all of `x` on TensorFlow, which here is often large. A place
    outside of [0, M) is another row's.
    """
    rows, size, *rest = ops.shape(x)
    first = ops.arange(rows, dtype=places.dtype)[:, None] * size
    return ops.take(ops.reshape(x, (rows * size, *rest)), first + places, axis=0)


def flat(x: Tensor) -> Tensor:
    """`[N, M, C]` as `[N, M * C]`."""
    rows, places, count = ops.shape(x)
    return ops.reshape(x, (rows, places * count))
