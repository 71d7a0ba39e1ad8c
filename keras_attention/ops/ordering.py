"""Find the largest entries of rows, in the same order on every backend."""

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


def largest(x: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
    """Return the result of `ops.top_k`, with equal values sorted by position.

    TensorFlow and JAX already sort them like this. On PyTorch, the order of equal values is
    arbitrary.

    Args:
        x: `[..., M]`.
        count: how many entries, at most `M`.

    Returns:
        Values and their int32 positions, `[..., count]`, largest first.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.ordering import largest
    >>> values, places = largest(np.array([[2.0, 7.0, 1.0, 7.0]], "float32"), 3)
    >>> [int(place) for place in places[0]]
    [1, 3, 0]
    """
    if keras.backend.backend() != "torch":
        return ops.top_k(x, count)  # type: ignore[no-any-return]
    x = ops.convert_to_tensor(x)
    if count == 1:  # `argmax` returns the first of equal values
        return ops.max(x, axis=-1, keepdims=True), ops.argmax(x, axis=-1, keepdims=True)
    values, places = ops.top_k(x, min(count + 1, x.shape[-1]))
    if bool(ops.any(values[..., 1:] == values[..., :-1])):
        places = ops.argsort(-x, axis=-1)  # a stable sort, which is slower
        values = ops.take_along_axis(x, places[..., :count], axis=-1)
    return values[..., :count], ops.cast(places[..., :count], "int32")
