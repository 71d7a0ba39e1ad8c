"""GNMT's encoder: a bidirectional bottom layer and a stack of residual layers."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.layers.recurrent import make_recurrent
from keras_attention.settings.arguments import checked_choice, checked_rate, checked_units
from keras_attention.settings.layer_rules import MERGES, STATE_PARTS, direction_units


@keras.saving.register_keras_serializable(package="keras_attention")
class GNMTEncoder(Configured, keras.layers.Layer):
    """The encoder of Google's translation system (Wu et al. 2016, sections 3.1 and 3.2).

    The bottom layer reads the source in both directions; the layers above read it from left to
    right. The third layer and those above it add their input to their output.

    Args:
        units: width of every layer, a positive integer. With `merge="concat"` it must be even,
            because each direction of the bottom layer has half of this width.
        layers: number of layers, including the bidirectional one; the paper has 8. Default 2.
        merge: how to join the bottom layer's directions, `"concat"` or `"sum"`. Default
            `"concat"`.
        rnn: `"lstm"` or `"gru"`. Default `"lstm"`.
        dropout: rate in [0, 1) on the input of every layer except the bottom one. Default 0.
        recurrent_dropout: rate in [0, 1) on every layer's previous `h`, with one mask for all
            steps of a sequence (Gal and Ghahramani 2016). Default 0.
        layer_norm: whether to apply layer normalisation in the LSTMs (Ba et al. 2016). Default
            `False`.

    Call arguments:
        inputs: float tensor `[B, S, E]`, embedded and padded on the right.
        mask: boolean tensor `[B, S]`, True where the token is real. A padded step does not change
            the state. Default: the mask that Keras propagates.
        training: whether dropout is active.

    Returns:
        `(memory, states)`: the memory `[B, S, units]`, and a tuple with
        `(forward_h, forward_c, backward_h, backward_c)` for the bottom layer and `(h, c)` for each
        layer above, without `c` for GRUs.

    Raises:
        ValueError: if an argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import GNMTEncoder
    >>> memory, states = GNMTEncoder(4, layers=3)(np.ones((2, 5, 3), "float32"))
    >>> tuple(memory.shape), [len(state) for state in states]
    ((2, 5, 4), [4, 2, 2])

    Reference:
        https://arxiv.org/abs/1609.08144
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 2,
        merge: str = "concat",
        rnn: str = "lstm",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        layer_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.layers = checked_units(layers, "layers")
        self.merge = checked_choice(merge, "merge", MERGES)
        self.rnn = rnn
        self.dropout = checked_rate(dropout)
        self.recurrent_dropout = checked_rate(recurrent_dropout, "recurrent_dropout")
        self.layer_norm = layer_norm
        self.supports_masking = True
        self.bidirectional = keras.layers.Bidirectional(
            self._layer(direction_units(units, merge), rnn),
            merge_mode=merge,
            dtype=self.dtype_policy,
            name="bidirectional",
        )
        self.lstms = [self._layer(units, f"{rnn}_{index}") for index in range(1, layers)]
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=self.dtype_policy, name=f"dropout_{index}")
            for index in range(1, layers)
        ]

    def _layer(self, units: int, name: str) -> keras.layers.RNN:
        return make_recurrent(
            units,
            rnn=self.rnn,
            layer_norm=self.layer_norm,
            recurrent_dropout=self.recurrent_dropout,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape: Any) -> None:
        """Create every layer's weights from the inputs' shape `[B, S, E]`."""
        shape = tuple(input_shape)
        self.bidirectional.build(shape)
        for lstm in self.lstms:
            lstm.build((*shape[:-1], self.units))
        self.built = True

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        """Encode the source; see the class for shapes."""
        memory, *bottom = self.bidirectional(inputs, mask=mask, training=training)
        states = [tuple(bottom)]
        for index, (lstm, dropout) in enumerate(zip(self.lstms, self.dropouts, strict=True)):
            below = dropout(memory, training=training)
            above, *state = lstm(below, mask=mask, training=training)
            memory = ops.add(memory, above) if index else above
            states.append(tuple(state))
        return memory, tuple(states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Return the inputs' mask for the memory, and None for every state."""
        parts = STATE_PARTS[self.rnn]
        return mask, ((None,) * 2 * parts, *((None,) * parts,) * (self.layers - 1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the memory and of every layer's states."""
        batch, steps = input_shape[:2]
        parts = STATE_PARTS[self.rnn]
        bottom = ((batch, direction_units(self.units, self.merge)),) * 2 * parts
        above = (((batch, self.units),) * parts,) * (self.layers - 1)
        return (batch, steps, self.units), (bottom, *above)
