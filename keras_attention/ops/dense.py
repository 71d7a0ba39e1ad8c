"""Matrix products of tensors of any rank that XLA can differentiate inside a loop.

Keras multiplies tensors of rank 3 or more with `tf.tensordot`. If a dimension is unknown,
`tf.tensordot` computes the order of the axes in the graph. The gradient of a loop stores this order
at each step, so XLA no longer sees the constant that it requires.
"""

from collections.abc import Callable

import keras
from keras import ops

from keras_attention.ops.loop_products import LoopKernel, is_deferred, product
from keras_attention.ops.masking import Tensor


@keras.saving.register_keras_serializable(package="keras_attention", name="Dense")
class MatrixDense(keras.layers.Dense):
    """A `keras.layers.Dense` that reshapes its input to a matrix before the product.

    Args:
        units: width of the output, a positive integer.
        **kwargs: the other arguments of `keras.layers.Dense`.

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

    @property
    def loop_kernel(self) -> LoopKernel:
        """The kernel, for a loop that calls this layer once per step."""
        return LoopKernel(self.kernel, self.compute_dtype)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Apply the layer to every row; see the class for shapes."""
        if is_deferred(self.kernel):
            return by_rows(self._deferred_call, inputs)
        return by_rows(lambda rows: super(MatrixDense, self).call(rows, training=training), inputs)

    def _deferred_call(self, rows: Tensor) -> Tensor:
        outputs = product(rows, self.kernel)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)


def by_rows(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function from `[N, D]` to `[N, U]` to the rows of `x` `[..., D]`.

    The result is `[..., U]`.
    """
    if len(x.shape) == 2:
        return function(x)
    rows = function(ops.reshape(x, (-1, x.shape[-1])))
    return ops.reshape(rows, (*ops.shape(x)[:-1], rows.shape[-1]))


def times_vector(x: Tensor, vector: Tensor) -> Tensor:
    """Return the products `[...]` of `x` `[..., D]` with `vector` `[D]`."""
    column = ops.expand_dims(vector, -1)
    return ops.squeeze(by_rows(lambda rows: ops.matmul(rows, column), x), -1)
