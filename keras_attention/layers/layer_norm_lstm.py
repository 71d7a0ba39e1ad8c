"""An LSTM cell with layer normalisation."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.fast.layer_norm import LayerNorm
from keras_attention.ops.loop_products import product
from keras_attention.ops.recurrence import lstm_step, widen


@keras.saving.register_keras_serializable(package="keras_attention")
class LayerNormLSTMCell(keras.layers.LSTMCell):
    """LSTM cell with layer normalisation (Ba et al. 2016, equations 20 to 22).

    `i, f, g, o = LN(W x) + LN(U h) + b`; `c' = f * c + i * g`; `h' = o * tanh(LN(c'))`.

    Args:
        units: width of the state, a positive integer.
        **kwargs: arguments of `keras.layers.LSTMCell`, such as `recurrent_dropout`.

    Call arguments:
        inputs: float tensor `[B, E]`.
        states: `(h, c)`, each `[B, units]`.

    Returns:
        `(h, [h, c])`, each `[B, units]`.

    Example:
    >>> import numpy as np
    >>> from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell
    >>> x, h = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
    >>> output, states = LayerNormLSTMCell(4)(x, [h, h])
    >>> tuple(output.shape), len(states)
    ((2, 4), 2)

    Reference:
        https://arxiv.org/abs/1607.06450
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.norms = {
            name: LayerNorm(
                epsilon=1e-5, center=name == "cell", dtype=self.variable_dtype, name=f"norm_{name}"
            )
            for name in ("inputs", "recurrent", "cell")
        }

    def build(self, input_shape: Any) -> None:
        """Create the LSTM's weights and the weights of three normalisations."""
        super().build(input_shape)
        for name, width in (("inputs", 4), ("recurrent", 4), ("cell", 1)):
            self.norms[name].build((None, width * self.units))
        self.built = True

    def call(
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Run one step; see the class for shapes."""
        h, c = states
        if training and self.recurrent_dropout:
            h = h * self.get_recurrent_dropout_mask(h)[0]  # Keras draws one mask per gate
        recurrent = ops.matmul(h, self.recurrent_kernel)
        h, c = self.next_state(self.project_inputs(inputs), recurrent, (h, c))
        return h, [h, c]

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """Return the inputs' contribution to the gates, `LN(W x) + b` `[B, 4 * units]`."""
        normalized = self.norms["inputs"](product(inputs, self.kernel))
        return normalized + ops.cast(self.bias, normalized.dtype)

    def next_state(
        self, projected: Tensor, recurrent: Tensor, state: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return `(h, c)` from `project_inputs(x)` and `U h`, each `[B, 4 * units]`."""
        gates = widen(projected) + widen(self.norms["recurrent"](recurrent))
        return lstm_step(gates, state[1], self.norms["cell"])
