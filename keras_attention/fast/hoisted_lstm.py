"""LSTMs over time whose large matrix products stand outside the loop, on TensorFlow.

What does not depend on the state, the inputs' projection, is one product for all steps; and the
gradient of the recurrent weights, which Keras's loop adds up step by step, is one too. Where there
is a GPU and cuDNN fits, Keras's own path is taken; on JAX its scan, which compiles to the same.

The classes are called as Keras's are, because it stores weights by the names of classes: a model
loads whichever of the two it was saved with.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell


@keras.saving.register_keras_serializable(package="keras_attention")
class RNN(keras.layers.RNN):
    """`keras.layers.RNN`, faster over an `LSTMCell` or a `LayerNormLSTMCell` as we use them.

    Results are Keras's but for one thing: steps that the mask leaves out have the output of the
    step before, and the first ones the initial `h`, where Keras gives zeros.
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False
    ) -> Any:
        """The recurrence; Keras calls it where it finds nothing of the backend's own.

        Args:
            sequences: `[B, T, E]`.
            initial_state: `h` and `c`, `[B, units]` each.
            mask: `[B, T]`, or None.
            training: whether dropout is active.

        Returns:
            The last output `[B, units]`, all `[B, T, units]`, and the last state.
        """
        if keras.backend.backend() == "tensorflow" and self._fits(training):
            return _loop(
                self.cell, sequences, initial_state, mask, self.go_backwards, bool(training)
            )
        return super().inner_loop(sequences, initial_state, mask, training=training)

    def _fits(self, training: bool) -> bool:
        """Whether all settings are those that `_loop` knows."""
        cell = self.cell
        return (
            type(cell) in (keras.layers.LSTMCell, LayerNormLSTMCell)
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and cell.use_bias
            and not (self.unroll or self.zero_output_for_mask)
            and not (training and (cell.dropout or cell.recurrent_dropout))
        )


@keras.saving.register_keras_serializable(package="keras_attention")
class LSTM(keras.layers.LSTM, RNN):  # type: ignore[misc]
    """`keras.layers.LSTM`: cuDNN where that runs, else the loop of `RNN`."""


def make_lstm(
    units: int, *, layer_norm: bool, recurrent_dropout: float = 0.0, dtype: Any, **kwargs: Any
) -> keras.layers.RNN:
    """An LSTM layer over time that returns all outputs and its state; `.cell` is one step.

    Args:
        units: width of the state, a positive integer.
        layer_norm: whether the step is a `LayerNormLSTMCell`.
        recurrent_dropout: rate in [0, 1) on the previous `h`.
        dtype: policy of the layer and of its cell.
        **kwargs: as `keras.layers.RNN` takes them.
    """
    over_time = {"return_sequences": True, "return_state": True, "dtype": dtype, **kwargs}
    if layer_norm:
        cell = LayerNormLSTMCell(units, recurrent_dropout=recurrent_dropout, dtype=dtype)
        return RNN(cell, **over_time)
    return LSTM(units, recurrent_dropout=recurrent_dropout, **over_time)


def _loop(
    cell: keras.layers.LSTMCell,
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
    kernel = ops.cast(cell.recurrent_kernel, cell.compute_dtype)
    attach, outputs_are = _attached_weights(kernel, initial_state[0])
    added = [projected]
    if training:
        if isinstance(cell, LayerNormLSTMCell):  # normalises the product before it meets the inputs
            added.append(attach(tf.zeros_like(projected)))
        else:
            added = [attach(projected)]
    read = [*added, *read[1:]]
    steps = tf.shape(projected)[0]
    arrays = [tf.TensorArray(each.dtype, steps).unstack(each) for each in read]
    shape = projected.shape[1], cell.units
    outputs = tf.TensorArray(cell.compute_dtype, steps, element_shape=shape)

    def step(t: Tensor, h: Tensor, c: Tensor, outputs: Any) -> tuple[Tensor, Tensor, Tensor, Any]:
        now = [array.read(t) for array in arrays]
        # A constant to the loop, else it would add up the gradient step by step all the same.
        recurrent = tf.matmul(h, tf.stop_gradient(kernel) if training else kernel)
        new_h, new_c = _next_state(cell, recurrent, c, *now[: len(added)])
        if mask is not None:
            new_h, new_c = tf.where(now[-1], new_h, h), tf.where(now[-1], new_c, c)
        return t + 1, new_h, new_c, outputs.write(t, new_h)

    _, h, c, outputs = tf.while_loop(
        lambda t, *_: t < steps, step, (0, *initial_state, outputs), maximum_iterations=steps
    )
    stacked = outputs.stack()
    stacked.set_shape((sequences.shape[1], *stacked.shape[1:]))
    outputs_are(stacked)
    return h, tf.transpose(stacked, (1, 0, 2)), [h, c]


def _project(cell: keras.layers.LSTMCell, inputs: Tensor) -> Tensor:
    """What the inputs `[T, B, E]` add to the gates, `[T, B, 4 * units]`."""
    import tensorflow as tf

    kernel, bias = (ops.cast(weight, inputs.dtype) for weight in (cell.kernel, cell.bias))
    rows = tf.matmul(tf.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    if isinstance(cell, LayerNormLSTMCell):
        rows = cell.norms["inputs"](rows)
    projected = tf.reshape(rows + bias, (*tf.unstack(tf.shape(inputs)[:2]), 4 * cell.units))
    return tf.ensure_shape(projected, (None, inputs.shape[1], 4 * cell.units))


def _next_state(
    cell: keras.layers.LSTMCell,
    recurrent: Tensor,
    c: Tensor,
    projected: Tensor,
    probe: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The next `h` and `c`; `probe`, of layer normalisation alone, is zero."""
    import tensorflow as tf

    normed = isinstance(cell, LayerNormLSTMCell)
    recurrent = recurrent if probe is None else recurrent + probe
    gates = projected + (cell.norms["recurrent"](recurrent) if normed else recurrent)
    i, f, g, o = tf.split(gates, 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(cell.norms["cell"](c) if normed else c), c


def _attached_weights(kernel: Tensor, h: Tensor) -> tuple[Any, Any]:
    """The gradient of recurrent weights without one product a step.

    A step adds `x_t` to `h_{t-1} U`, so that what flows back into `x` is all that `U` needs:
    `dU = sum_t h_{t-1}^T dx_t`, one product over all steps and rows.

    Args:
        kernel: `U`, `[units, 4 * units]`, which the loop itself takes as a constant.
        h: the initial state `[B, units]`.

    Returns:
        `attach(x)`, of `x` `[T, B, 4 * units]` the same, through which `U` gets its gradient; and a
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
