"""GNMT's encoder: one bidirectional LSTM under a stack of residual ones."""

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

    The bottom layer reads the source in both directions, those above from left to right. From the
    third layer on, a layer's input is added to its output.

    Args:
        units: width of every layer, a positive integer; with `merge="concat"` even, since each
            direction of the bottom layer takes half of it.
        layers: number of layers, the bidirectional one among them; the paper has 8. Default 2.
        merge: `"concat"` or `"sum"` of the bottom layer's directions. Default `"concat"`.
        dropout: rate in [0, 1) on the input of every layer but the first. Default 0.
        rnn: `"lstm"` or `"gru"`. Default `"lstm"`.
        recurrent_dropout: rate in [0, 1) on every layer's previous `h`, one mask for all steps
            of a sequence (Gal and Ghahramani 2016). Default 0.
        layer_norm: whether the LSTMs are layer-normalised (Ba et al. 2016). Default `False`.

    Call arguments:
        inputs: float tensor `[B, S, E]`, embedded and padded on the right.
        mask: boolean tensor `[B, S]`, True where the token is real. A padded step leaves the
            state as it is. Taken from Keras's mask propagation when it is not given.
        training: whether dropout is active.

    Returns:
        `(memory, states)`: memory `[B, S, units]`; states a tuple with
        `(forward_h, forward_c, backward_h, backward_c)` of the bottom layer and one `(h, c)` for
        each layer above; of GRUs without `c`.

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
        """Makes every layer's weights from the shape `[B, S, E]` of the inputs."""
        shape = tuple(input_shape)
        self.bidirectional.build(shape)
        for lstm in self.lstms:
            lstm.build((*shape[:-1], self.units))
        self.built = True

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        """Reads the whole source; see the class for shapes."""
        memory, *bottom = self.bidirectional(inputs, mask=mask, training=training)
        states = [tuple(bottom)]
        for index, (lstm, dropout) in enumerate(zip(self.lstms, self.dropouts, strict=True)):
            below = dropout(memory, training=training)
            above, *state = lstm(below, mask=mask, training=training)
            memory = ops.add(memory, above) if index else above
            states.append(tuple(state))
        return memory, tuple(states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Memory keeps the inputs' mask; the states have none."""
        parts = STATE_PARTS[self.rnn]
        return mask, ((None,) * 2 * parts, *((None,) * parts,) * (self.layers - 1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the memory and of every layer's states."""
        batch, steps = input_shape[:2]
        parts = STATE_PARTS[self.rnn]
        bottom = ((batch, direction_units(self.units, self.merge)),) * 2 * parts
        above = (((batch, self.units),) * parts,) * (self.layers - 1)
        return (batch, steps, self.units), (bottom, *above)
