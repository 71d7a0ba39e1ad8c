"""Functions that select and reshape the entries of each row."""

from keras import ops

from keras_attention.ops.masking import Tensor


def take_places(x: Tensor, places: Tensor) -> Tensor:
    """Return the entries of `x` `[N, M, ...]` at `places` `[N, C]` of its second axis.

    On TensorFlow, `ops.take_along_axis` would transpose all of `x`, which is often large. Places
    must be in [0, M): any other place selects an entry of another row.

    Args:
        x: tensor `[N, M, ...]`.
        places: integer tensor `[N, C]`.

    Returns:
        Tensor `[N, C, ...]`.
    """
    rows, size, *rest = ops.shape(x)
    first = ops.arange(rows, dtype=places.dtype)[:, None] * size
    return ops.take(ops.reshape(x, (rows * size, *rest)), first + places, axis=0)


def flat(x: Tensor) -> Tensor:
    """Reshape `[N, M, C]` to `[N, M * C]`."""
    rows, places, count = ops.shape(x)
    return ops.reshape(x, (rows, places * count))
