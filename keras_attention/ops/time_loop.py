"""The decoder's loop over time; every backend can differentiate it."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.ops.loop_products import DeferredGradients, LoopKernel

Tensor = Any
Step = Callable[[Tensor, Any], tuple[tuple[Tensor, ...], Any]]


def time_loop(
    step: Step,
    state: Any,
    inputs: Tensor,
    widths: tuple[int | None, ...],
    variables: Sequence[keras.Variable] = (),
    kernels: Sequence[LoopKernel] = (),
) -> tuple[tuple[Tensor, ...], Any]:
    """Run `outputs, state = step(inputs[:, t], state)` over the time axis of `inputs`.

    Args:
        step: function of one step; the structure, shapes and dtypes of the state must not change.
            Its outputs are a tuple of tensors `[B, width]` in the dtype of `inputs`.
        state: the first state, any nested structure of tensors.
        inputs: float tensor `[B, T, E]`.
        widths: the width of each output, `None` if it varies.
        variables: variables that a step changes, such as the state of a random generator.
        kernels: weight matrices whose gradients TensorFlow computes after the loop; each step must
            multiply by each of them once, with `loop_products.product`. Leave them out if nothing
            is trained: an exported graph must not have custom gradients.

    Returns:
        `(outputs, state)`: the outputs of all steps, each stacked to `[B, T, width]`, and the last
        state.
    """
    if keras.backend.backend() == "torch":
        return _python_loop(step, state, inputs)
    steps_first = ops.transpose(inputs, (1, 0, 2))
    if keras.backend.backend() == "tensorflow":
        loop = _tensorflow_loop(step, state, steps_first, widths, kernels)
    else:
        loop = _scan(step, state, steps_first, variables)
    stacked, state = loop
    return tuple(ops.transpose(output, (1, 0, 2)) for output in stacked), state


def _python_loop(step: Step, state: Any, inputs: Tensor) -> tuple[tuple[Tensor, ...], Any]:
    """Run the loop in Python, because PyTorch runs each operation at once."""
    steps = []
    for x in ops.unstack(inputs, axis=1):
        outputs, state = step(x, state)
        steps.append(outputs)
    return tuple(ops.stack(output, axis=1) for output in zip(*steps, strict=True)), state


def _scan(
    step: Step, state: Any, inputs: Tensor, variables: Sequence[keras.Variable]
) -> tuple[Sequence[Tensor], Any]:
    """Run the loop with `ops.scan`, which needs every changing variable in its carry."""

    def body(carry: tuple[Any, list[Tensor]], x: Tensor) -> tuple[Any, tuple[Tensor, ...]]:
        state, values = carry
        _assign(variables, values)
        outputs, state = step(x, state)
        return (state, [variable.value for variable in variables]), outputs

    first = state, [variable.value for variable in variables]
    (state, values), stacked = ops.scan(body, first, inputs)
    _assign(variables, values)
    return stacked, state


def _assign(variables: Sequence[keras.Variable], values: Sequence[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _tensorflow_loop(
    step: Step,
    state: Any,
    inputs: Tensor,
    widths: tuple[int | None, ...],
    kernels: Sequence[LoopKernel],
) -> tuple[Sequence[Tensor], Any]:
    """Run the loop with `tf.while_loop`; on TensorFlow, `ops.scan` would also stack the states."""
    import tensorflow as tf

    steps, rows = tf.unstack(tf.shape(inputs)[:2])
    # Use a TensorArray: each slice of `inputs` would have a gradient as large as `inputs`.
    read = tf.TensorArray(inputs.dtype, steps).unstack(inputs)
    arrays = [
        tf.TensorArray(inputs.dtype, size=steps, element_shape=(inputs.shape[1], width))
        for width in widths
    ]

    gradients = DeferredGradients(kernels, steps, rows)

    def body(
        t: Tensor, state: Any, arrays: list[Any], kept: list[Any]
    ) -> tuple[Tensor, Any, list[Any], list[Any]]:
        kept = list(kept)
        with gradients.step(t, kept):
            outputs, state = step(read.read(t), state)
        arrays = [array.write(t, x) for array, x in zip(arrays, outputs, strict=True)]
        return t + 1, state, arrays, kept

    first = 0, state, arrays, gradients.arrays
    _, state, arrays, kept = tf.while_loop(
        lambda t, *_: t < steps, body, first, maximum_iterations=steps
    )
    gradients.finish(kept)
    stacked = [array.stack() for array in arrays]
    for output in stacked:  # the loop loses the static number of steps
        output.set_shape((inputs.shape[0], *output.shape[1:]))
    return stacked, state
