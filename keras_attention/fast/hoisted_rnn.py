"""LSTM and GRU layers that move large matrix products out of the loop over time.

The projection of the inputs does not depend on the state, so it is one product for all steps. The
gradient of the recurrent weights, which Keras's loop sums step by step, is one product too on
TensorFlow. The loop for PyTorch is in `python_rnn`. On a GPU the layers use cuDNN whenever Keras
can; on JAX they use Keras's scan, which compiles to the same computation.

This module relies on `inner_loop` of Keras's recurrent layers, which is not documented. Delete it
when Keras's loop projects the inputs of all steps at once and sums that gradient in one product.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.fast.python_rnn import run_steps
from keras_attention.ops.loop_products import defer_gradient, multiplier
from keras_attention.ops.masking import Tensor
from keras_attention.ops.recurrence import next_state, project_inputs, recurrent_bias, widen


@keras.saving.register_keras_serializable(package="keras_attention", name="RNN")
class HoistedRNN(keras.layers.RNN):
    """A `keras.layers.RNN` with a faster loop for the cells that `ops.recurrence` supports.

    A masked step returns the output of the step before it. Results equal Keras's with one
    exception: if the first step is masked, it returns the initial `h`, but Keras returns zeros.
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False
    ) -> Any:
        """Run the recurrence; Keras calls this when it cannot use a backend kernel such as cuDNN.

        Args:
            sequences: `[B, T, E]`.
            initial_state: `h`, and `c` for an LSTM, `[B, units]` each.
            mask: `[B, T]`, or None.
            training: whether dropout is active.

        Returns:
            The last output `[B, units]`, all outputs `[B, T, units]`, and the last state.
        """
        backend = keras.backend.backend()
        if backend in ("tensorflow", "torch") and self._fits(training):
            state = keras.tree.flatten(initial_state)
            given = self.cell, sequences, state, mask, self.go_backwards
            loop = run_steps(*given) if backend == "torch" else _loop(*given, bool(training))
            return self._without_padding(*loop, mask)
        return super().inner_loop(sequences, initial_state, mask, training=training)

    def _without_padding(
        self, last: Tensor, outputs: Tensor, state: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the results of a loop; with `zero_output_for_mask`, zeros at masked steps.

        `keras.layers.Bidirectional` sets `zero_output_for_mask` in its layers.
        """
        if mask is None or not self.zero_output_for_mask:
            return last, outputs, state
        real = ops.flip(mask, axis=1) if self.go_backwards else mask
        outputs = ops.where(ops.expand_dims(real, -1), outputs, ops.zeros_like(outputs))
        return outputs[:, -1], outputs, state

    def _fits(self, training: bool) -> bool:
        """Return whether `_loop` and `run_steps` support all settings of the layer and its cell."""
        cell = self.cell
        known = type(cell) in (keras.layers.LSTMCell, keras.layers.GRUCell)
        return (
            (known or hasattr(cell, "next_state"))
            and getattr(cell, "reset_after", True)
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and cell.use_bias
            and not self.unroll
            and not (training and (cell.dropout or cell.recurrent_dropout))
        )


@keras.saving.register_keras_serializable(package="keras_attention", name="LSTM")
class HoistedLSTM(keras.layers.LSTM, HoistedRNN):  # type: ignore[misc]
    """A `keras.layers.LSTM` that uses cuDNN if it can, else the loop of `HoistedRNN`."""


@keras.saving.register_keras_serializable(package="keras_attention", name="GRU")
class HoistedGRU(keras.layers.GRU, HoistedRNN):  # type: ignore[misc]
    """A `keras.layers.GRU` that uses cuDNN if it can, else the loop of `HoistedRNN`."""


# Keras stores the weights of a list of layers under the names of their classes. With these names, a
# weights file also loads into Keras's own layers, and files older than this module load too.
HoistedRNN.__name__, HoistedLSTM.__name__, HoistedGRU.__name__ = "RNN", "LSTM", "GRU"


def _loop(
    cell: Any,
    sequences: Tensor,
    initial_state: Sequence[Tensor],
    mask: Tensor | None,
    go_backwards: bool,
    training: bool,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the last output, all outputs `[B, T, units]` in processing order, and the last state.

    Gradients are the same with and without `training`. With `training`, a custom gradient makes
    them faster. Without it, the graph has no custom gradient, because an exported file would have
    to contain it.
    """
    import tensorflow as tf

    read = [tf.transpose(tf.cast(sequences, cell.compute_dtype), (1, 0, 2))]
    if mask is not None:
        read.append(tf.transpose(tf.cast(mask, "bool"))[:, :, tf.newaxis])
    if go_backwards:
        read = [tf.reverse(each, [0]) for each in read]
    projected = _project(cell, read[0])
    kernel, bias = ops.cast(cell.recurrent_kernel, cell.compute_dtype), recurrent_bias(cell)
    attach, set_inputs = defer_gradient(kernel)
    multiply = multiplier(kernel) if training else lambda h: tf.matmul(h, kernel)
    added = [projected]
    if training:
        if type(cell) is keras.layers.LSTMCell:
            added = [attach(projected)]
        else:  # the cell transforms the recurrent product before it adds the projected inputs
            offset = tf.zeros_like(projected, kernel.dtype)
            added.append(attach(offset if bias is None else offset + bias))
    read = [*map(widen, added), *read[1:]]
    steps = tf.shape(projected)[0]
    arrays = [tf.TensorArray(each.dtype, steps).unstack(each) for each in read]
    shape = projected.shape[1], cell.units
    outputs = tf.TensorArray(cell.compute_dtype, steps, element_shape=shape)

    def step(t: Tensor, state: Sequence[Tensor], outputs: Any) -> tuple[Tensor, Any, Any]:
        now = [array.read(t) for array in arrays]
        recurrent = widen(multiply(tf.cast(state[0], kernel.dtype)))
        if len(added) > 1:
            recurrent += now[1]
        elif bias is not None:
            recurrent += widen(bias)
        new: Sequence[Tensor] = next_state(cell, now[0], recurrent, state)
        if mask is not None:
            new = [tf.where(now[-1], *both) for both in zip(new, state, strict=True)]
        return t + 1, list(new), outputs.write(t, tf.cast(new[0], kernel.dtype))

    first = (0, [widen(each) for each in initial_state], outputs)
    _, state, outputs = tf.while_loop(
        lambda t, *_: t < steps, step, first, maximum_iterations=steps
    )
    state = [tf.cast(each, kernel.dtype) for each in state]
    stacked = outputs.stack()
    stacked.set_shape((sequences.shape[1], *stacked.shape[1:]))
    set_inputs(tf.concat([initial_state[0][tf.newaxis], stacked[:-1]], axis=0))
    return state[0], tf.transpose(stacked, (1, 0, 2)), state


def _project(cell: Any, inputs: Tensor) -> Tensor:
    """Project the inputs `[T, B, E]` of all steps to the gates, `[T, B, G * units]`."""
    import tensorflow as tf

    rows = project_inputs(cell, tf.reshape(inputs, (-1, inputs.shape[-1])))
    # Static sizes keep the static shape. `tf.ensure_shape` would too, but TFLite does not have it.
    sizes = zip(inputs.shape[:2], tf.unstack(tf.shape(inputs)[:2]), strict=True)
    shape = [dynamic if static is None else static for static, dynamic in sizes]
    return tf.reshape(rows, (*shape, cell.recurrent_kernel.shape[1]))
