"""Matrix products of tensors of any rank that XLA can differentiate inside a loop.

Keras computes a product of rank 3 or more with `tf.tensordot`, which computes the order of the axes
in the graph if a dimension is unknown. A loop's gradient stores that order at each step, so XLA no
longer sees the constant that it requires.
"""

from collections.abc import Callable

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


@keras.saving.register_keras_serializable(package="keras_attention", name="Dense")
class MatrixDense(keras.layers.Dense):
    """A `keras.layers.Dense` that multiplies its input as a matrix of rank 2.

    Args:
        units: width of the output, a positive integer.
        **kwargs: as `keras.layers.Dense` takes them.

    Call arguments:
        inputs: float tensor `[..., D]` of rank 2 or more.

    Returns:
        Float tensor `[..., units]`.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.dense import MatrixDense
    >>> tuple(MatrixDense(4)(np.ones((2, 5, 3), "float32")).shape)
    (2, 5, 4)
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Multiplies every row; see the class for shapes."""
        return by_rows(lambda rows: super(MatrixDense, self).call(rows, training=training), inputs)


def by_rows(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return `[..., U]` of `x` `[..., D]`, through a function of `[N, D]` that gives `[N, U]`."""
    if len(x.shape) == 2:
        return function(x)
    rows = function(ops.reshape(x, (-1, x.shape[-1])))
    return ops.reshape(rows, (*ops.shape(x)[:-1], rows.shape[-1]))


def times_vector(x: Tensor, vector: Tensor) -> Tensor:
    """Return the products `[...]` of `x` `[..., D]` with `vector` `[D]`."""
    column = ops.expand_dims(vector, -1)
    return ops.squeeze(by_rows(lambda rows: ops.matmul(rows, column), x), -1)
