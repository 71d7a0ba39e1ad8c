"""LSTMs and GRUs over time whose large matrix products stand outside the loop, on TensorFlow.

What does not depend on the state, the inputs' projection, is one product for all steps; and the
gradient of the recurrent weights, which Keras's loop adds up step by step, is one too. Where there
is a GPU and cuDNN fits, Keras's own path is taken; on JAX its scan, which compiles to the same.

Relies on `inner_loop` of Keras's recurrent layers, which is not documented. Delete this module when
Keras's loop projects the inputs of all steps at once and adds up that gradient in one product.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor
from keras_attention.ops.recurrence import next_state, project_inputs, recurrent_bias


@keras.saving.register_keras_serializable(package="keras_attention", name="RNN")
class HoistedRNN(keras.layers.RNN):
    """`keras.layers.RNN`, faster over the cells of `ops.recurrence` as we use them.

    Results are Keras's but for one thing: steps that the mask leaves out have the output of the
    step before, and the first ones the initial `h`, where Keras gives zeros.
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False
    ) -> Any:
        """The recurrence; Keras calls it where it finds nothing of the backend's own.

        Args:
            sequences: `[B, T, E]`.
            initial_state: `h` and, of an LSTM, `c`, `[B, units]` each.
            mask: `[B, T]`, or None.
            training: whether dropout is active.

        Returns:
            The last output `[B, units]`, all `[B, T, units]`, and the last state.
        """
        if keras.backend.backend() == "tensorflow" and self._fits(training):
            state = keras.tree.flatten(initial_state)
            return _loop(self.cell, sequences, state, mask, self.go_backwards, bool(training))
        return super().inner_loop(sequences, initial_state, mask, training=training)

    def _fits(self, training: bool) -> bool:
        """Whether all settings are those that `_loop` knows."""
        cell = self.cell
        known = type(cell) in (keras.layers.LSTMCell, keras.layers.GRUCell)
        return (
            (known or hasattr(cell, "next_state"))
            and getattr(cell, "reset_after", True)
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and cell.use_bias
            and not (self.unroll or self.zero_output_for_mask)
            and not (training and (cell.dropout or cell.recurrent_dropout))
        )


@keras.saving.register_keras_serializable(package="keras_attention", name="LSTM")
class HoistedLSTM(keras.layers.LSTM, HoistedRNN):  # type: ignore[misc]
    """`keras.layers.LSTM`: cuDNN where that runs, else the loop of `HoistedRNN`."""


@keras.saving.register_keras_serializable(package="keras_attention", name="GRU")
class HoistedGRU(keras.layers.GRU, HoistedRNN):  # type: ignore[misc]
    """`keras.layers.GRU`: cuDNN where that runs, else the loop of `HoistedRNN`."""


# Keras stores the weights of layers in a list by the names of their classes. With these a file fits
# Keras's own layers too, and those that were saved before there was this module.
HoistedRNN.__name__, HoistedLSTM.__name__, HoistedGRU.__name__ = "RNN", "LSTM", "GRU"


def _loop(
    cell: Any,
    sequences: Tensor,
    initial_state: Sequence[Tensor],
    mask: Tensor | None,
    go_backwards: bool,
    training: bool,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The last output, all `[B, T, units]` in the order of processing, and the last state.

    Gradients are the same with and without `training`, and fast with it; without it graphs hold
    no gradient of ours, which an export would have to carry.
    """
    import tensorflow as tf

    read = [tf.transpose(tf.cast(sequences, cell.compute_dtype), (1, 0, 2))]
    if mask is not None:
        read.append(tf.transpose(tf.cast(mask, "bool"))[:, :, tf.newaxis])
    if go_backwards:
        read = [tf.reverse(each, [0]) for each in read]
    projected = _project(cell, read[0])
    kernel, bias = ops.cast(cell.recurrent_kernel, cell.compute_dtype), recurrent_bias(cell)
    attach, outputs_are = _attached_weights(kernel, initial_state[0])
    added = [projected]
    if training:
        if type(cell) is keras.layers.LSTMCell:
            added = [attach(projected)]
        else:  # the product is changed before it meets the inputs
            offset = tf.zeros_like(projected)
            added.append(attach(offset if bias is None else offset + bias))
    read = [*added, *read[1:]]
    steps = tf.shape(projected)[0]
    arrays = [tf.TensorArray(each.dtype, steps).unstack(each) for each in read]
    shape = projected.shape[1], cell.units
    outputs = tf.TensorArray(cell.compute_dtype, steps, element_shape=shape)

    def step(t: Tensor, state: Sequence[Tensor], outputs: Any) -> tuple[Tensor, Any, Any]:
        now = [array.read(t) for array in arrays]
        # A constant to the loop, else it would add up the gradient step by step all the same.
        recurrent = tf.matmul(state[0], tf.stop_gradient(kernel) if training else kernel)
        if len(added) > 1:
            recurrent += now[1]
        elif bias is not None:
            recurrent += bias
        new: Sequence[Tensor] = next_state(cell, now[0], recurrent, state)
        if mask is not None:
            new = [tf.where(now[-1], *both) for both in zip(new, state, strict=True)]
        return t + 1, list(new), outputs.write(t, new[0])

    _, state, outputs = tf.while_loop(
        lambda t, *_: t < steps, step, (0, list(initial_state), outputs), maximum_iterations=steps
    )
    stacked = outputs.stack()
    stacked.set_shape((sequences.shape[1], *stacked.shape[1:]))
    outputs_are(stacked)
    return state[0], tf.transpose(stacked, (1, 0, 2)), state


def _project(cell: Any, inputs: Tensor) -> Tensor:
    """What the inputs `[T, B, E]` add to the gates, `[T, B, 4 * units]`, or 3 in a GRU."""
    import tensorflow as tf

    rows = project_inputs(cell, tf.reshape(inputs, (-1, inputs.shape[-1])))
    width = cell.recurrent_kernel.shape[1]
    projected = tf.reshape(rows, (*tf.unstack(tf.shape(inputs)[:2]), width))
    return tf.ensure_shape(projected, (None, inputs.shape[1], width))


def _attached_weights(kernel: Tensor, h: Tensor) -> tuple[Any, Any]:
    """The gradient of recurrent weights without one product a step.

    A step adds `x_t` to `h_{t-1} U`, so that what flows back into `x` is all that `U` needs:
    `dU = sum_t h_{t-1}^T dx_t`, one product over all steps and rows.

    Args:
        kernel: `U`, `[units, G * units]`, which the loop itself takes as a constant.
        h: the initial state `[B, units]`.

    Returns:
        `attach(x)`, of `x` `[T, B, G * units]` the same, through which `U` gets its gradient; and a
        function that takes the loop's outputs `[T, B, units]`, to be called behind the loop.
    """
    import tensorflow as tf

    found: list[Tensor] = []

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def attach(x: Tensor, kernel: Tensor) -> Any:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            before = tf.concat([h[tf.newaxis], found[0][:-1]], axis=0)
            rows = (tf.reshape(each, (-1, each.shape[-1])) for each in (before, upstream))
            return upstream, tf.matmul(*rows, transpose_a=True)

        return tf.identity(x), gradient

    return lambda x: attach(x, kernel), found.append
