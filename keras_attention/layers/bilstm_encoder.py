"""The encoder: stacked bidirectional LSTMs or GRUs over embedded source tokens."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.layers.recurrent import make_recurrent
from keras_attention.settings.arguments import checked_choice, checked_rate, checked_units
from keras_attention.settings.layer_rules import MERGES, STATE_PARTS


@keras.saving.register_keras_serializable(package="keras_attention")
class BiLSTMEncoder(Configured, keras.layers.Layer):
    """Stacked bidirectional LSTM: `memory_s = [forward_s; backward_s]` (Bahdanau et al. 2015, 3.2).

    From the second layer on, a layer's input is added to its output, so that deep encoders train.

    Args:
        units: width of each direction, a positive integer.
        layers: number of bidirectional layers, at least 1. Default 1.
        merge: `"concat"` gives memory of width `2 * units`, `"sum"` of width `units`.
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
        `(memory, states)`: memory `[B, S, M]`; states a tuple with one
        `(forward_h, forward_c, backward_h, backward_c)` a layer, of GRUs `(forward_h, backward_h)`,
        each `[B, units]`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import BiLSTMEncoder
    >>> memory, states = BiLSTMEncoder(4, layers=2)(np.ones((2, 5, 3), "float32"))
    >>> tuple(memory.shape), len(states), tuple(states[0][0].shape)
    ((2, 5, 8), 2, (2, 4))

    Reference:
        https://arxiv.org/abs/1409.0473
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
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
        self.bidirectionals = [self._bidirectional(index) for index in range(layers)]
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=self.dtype_policy, name=f"dropout_{index}")
            for index in range(1, layers)
        ]

    def _bidirectional(self, index: int) -> keras.layers.Bidirectional:
        layer = make_recurrent(
            self.units,
            rnn=self.rnn,
            layer_norm=self.layer_norm,
            recurrent_dropout=self.recurrent_dropout,
            dtype=self.dtype_policy,
            name=self.rnn,  # else Keras counts all LSTMs, and exports of equal models differ
        )
        return keras.layers.Bidirectional(
            layer, merge_mode=self.merge, dtype=self.dtype_policy, name=f"bidirectional_{index}"
        )

    def build(self, input_shape: Any) -> None:
        """Makes every layer's weights from the shape `[B, S, E]` of the inputs."""
        shape = tuple(input_shape)
        for layer in self.bidirectionals:
            layer.build(shape)
            shape = (*shape[:-1], self.memory_width)
        self.built = True

    @property
    def _state_tensors(self) -> int:
        return 2 * STATE_PARTS[self.rnn]

    @property
    def memory_width(self) -> int:
        """Width `M` of the memory."""
        return self.units * (2 if self.merge == "concat" else 1)

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        """Reads the whole source; see the class for shapes."""
        memory, states = inputs, []
        for index, layer in enumerate(self.bidirectionals):
            below = memory if index == 0 else self.dropouts[index - 1](memory, training=training)
            above, *state = layer(below, mask=mask, training=training)
            memory = above if index == 0 else ops.add(memory, above)
            states.append(tuple(state))
        return memory, tuple(states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Memory keeps the inputs' mask; the states have none."""
        return mask, ((None,) * self._state_tensors,) * self.layers

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the memory and of every layer's states."""
        batch, steps = input_shape[:2]
        states = (((batch, self.units),) * self._state_tensors,) * self.layers
        return (batch, steps, self.memory_width), states
