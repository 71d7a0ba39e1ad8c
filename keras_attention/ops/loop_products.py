"""Matrix products in a loop over time, with one product for the gradient of each weight matrix.

TensorFlow computes the gradient of a weight matrix that a loop uses in every step: it multiplies,
casts and adds a whole matrix per step. But the gradient is a sum over steps,
`dW = sum_t x_t^T dy_t`, so it is one product of all `x_t` with all `dy_t`. This module computes it
after the loop. Other backends do not need this.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


class LoopKernel(NamedTuple):
    """A weight matrix that each step of a loop uses once, as an argument of `product`.

    Attributes:
        variable: the matrix `[in, out]`.
        dtype: the dtype of the product.
    """

    variable: keras.Variable
    dtype: str


def product(x: Tensor, kernel: keras.Variable) -> Tensor:
    """Return `x` `[B, in]` times `kernel` `[in, out]`, in the dtype of `x`.

    In a loop with `DeferredGradients`, the gradient of this product is computed after the loop.
    This holds for the first product of a step with a kernel; others have an ordinary gradient.
    """
    deferred = (_UNUSED.get() or {}).pop(id(kernel), None)
    if deferred is None:
        return ops.matmul(x, ops.cast(kernel, x.dtype))
    return deferred(x)


def is_deferred(kernel: keras.Variable) -> bool:
    """Return whether `product` defers the gradient of its next product with this kernel."""
    return id(kernel) in (_UNUSED.get() or {})


_UNUSED: ContextVar[dict[int, Callable[[Tensor], Tensor]] | None]
_UNUSED = ContextVar("_UNUSED", default=None)
"""The products of the current step whose gradients are deferred and which were not used yet."""


class DeferredGradients:
    """The kernels of one loop in TensorFlow, and the inputs of their products.

    Args:
        kernels: the kernels whose gradients are computed after the loop.
        steps: scalar, the number of steps.
        rows: scalar, the number of rows in each product.
    """

    def __init__(self, kernels: Sequence[LoopKernel], steps: Tensor, rows: Tensor) -> None:
        import tensorflow as tf

        self._kernels, self._rows = kernels, rows
        self._multiply, self._offsets, self._set_inputs, self.arrays = [], [], [], []
        for variable, dtype in kernels:
            kernel = ops.cast(variable, dtype)
            attach, set_inputs = defer_gradient(kernel)
            zeros = attach(tf.zeros((steps, rows, kernel.shape[1]), dtype))
            self._offsets.append(tf.TensorArray(dtype, steps).unstack(zeros))
            self._multiply.append(multiplier(kernel))
            self._set_inputs.append(set_inputs)
            shape = None, kernel.shape[0]
            self.arrays.append(tf.TensorArray(dtype, steps, element_shape=shape))

    @contextmanager
    def step(self, t: Tensor, arrays: list[Any]) -> Iterator[None]:
        """Defer the gradients in a block, which computes step `t`.

        Args:
            t: the number of the step.
            arrays: the `arrays` as the loop passes them on; the block's inputs are written to them.
        """
        unused = {
            id(kernel.variable): self._product(place, t, arrays)
            for place, kernel in enumerate(self._kernels)
        }
        token = _UNUSED.set(unused)
        try:
            yield
        finally:
            _UNUSED.reset(token)
        for place, (variable, dtype) in enumerate(self._kernels):
            if id(variable) in unused:
                zeros = ops.zeros((self._rows, variable.shape[0]), dtype)
                arrays[place] = arrays[place].write(t, zeros)

    def _product(self, place: int, t: Tensor, arrays: list[Any]) -> Callable[[Tensor], Tensor]:
        def multiply(x: Tensor) -> Tensor:
            arrays[place] = arrays[place].write(t, x)
            return self._multiply[place](x) + self._offsets[place].read(t)

        return multiply

    def finish(self, arrays: Sequence[Any]) -> None:
        """Pass on the inputs of all steps; call this after the loop."""
        for array, set_inputs in zip(arrays, self._set_inputs, strict=True):
            set_inputs(array.stack())


def defer_gradient(
    kernel: Tensor,
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], None]]:
    """Return two functions that compute the gradient of a loop's weight matrix in one product.

    Args:
        kernel: `[in, out]`, which must be a constant inside the loop.

    Returns:
        `(attach, set_inputs)`: `attach(y)` returns `y` `[T, B, out]` unchanged and adds the
        gradient of the kernel to the backward pass. Step `t` must add `y[t]` to the product of `x`
        `[B, in]` and the kernel. `set_inputs` must be called after the loop with the `x` of all
        steps, `[T, B, in]`.
    """
    import tensorflow as tf

    found: list[Tensor] = []

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def attach(y: Tensor, kernel: Tensor) -> Any:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            rows = (tf.reshape(each, (-1, each.shape[-1])) for each in (found[0], upstream))
            return upstream, tf.matmul(*rows, transpose_a=True)

        return tf.identity(y), gradient

    return lambda y: attach(y, kernel), found.append


def multiplier(kernel: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function `x -> x @ kernel`, whose gradient reaches only `x`.

    In bfloat16, oneDNN multiplies 64 rows by a transposed matrix in two thirds of the time. So in
    16 bits, the forward pass gets a transposed copy, and the backward pass the kernel itself.
    """
    import tensorflow as tf

    transposes = kernel.dtype.size < 4
    second = tf.transpose(kernel) if transposes else kernel

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def multiply(x: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Tensor:
            return tf.matmul(upstream, kernel, transpose_b=True)

        return tf.matmul(x, second, transpose_b=transposes), gradient

    return multiply  # type: ignore[no-any-return]
