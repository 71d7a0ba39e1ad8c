"""An encoder of stacked bidirectional LSTMs or GRUs."""

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
    """Stacked bidirectional LSTMs: `memory_s = [forward_s; backward_s]` (Bahdanau et al. 2015).

    See section 3.2 of the paper. Every layer except the bottom one adds its input to its output,
    which makes deep encoders trainable.

    Args:
        units: width of each direction, a positive integer.
        layers: number of bidirectional layers, at least 1. Default 1.
        merge: `"concat"` for a memory of width `2 * units`, `"sum"` for width `units`. Default
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
        `(memory, states)`: the memory `[B, S, M]`, and for each layer a tuple
        `(forward_h, forward_c, backward_h, backward_c)`, or `(forward_h, backward_h)` for GRUs,
        of tensors `[B, units]`.

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
            # Keras numbers its default names, which would make exports of equal models differ.
            name=self.rnn,
        )
        return keras.layers.Bidirectional(
            layer, merge_mode=self.merge, dtype=self.dtype_policy, name=f"bidirectional_{index}"
        )

    def build(self, input_shape: Any) -> None:
        """Create every layer's weights from the inputs' shape `[B, S, E]`."""
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
        """The width `M` of the memory."""
        return self.units * (2 if self.merge == "concat" else 1)

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        """Encode the source; see the class for shapes."""
        memory, states = inputs, []
        for index, layer in enumerate(self.bidirectionals):
            below = memory if index == 0 else self.dropouts[index - 1](memory, training=training)
            above, *state = layer(below, mask=mask, training=training)
            memory = above if index == 0 else ops.add(memory, above)
            states.append(tuple(state))
        return memory, tuple(states)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Return the inputs' mask for the memory, and None for every state."""
        return mask, ((None,) * self._state_tensors,) * self.layers

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the memory and of every layer's states."""
        batch, steps = input_shape[:2]
        states = (((batch, self.units),) * self._state_tensors,) * self.layers
        return (batch, steps, self.memory_width), states
