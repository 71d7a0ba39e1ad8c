"""The Transformer's encoder."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.fast.layer_norm import LayerNorm
from keras_attention.layers.transformer.transformer_blocks import (
    EPSILON,
    FeedForward,
    PositionedInput,
    SelfAttention,
)
from keras_attention.ops.masking import masked_mean
from keras_attention.settings.arguments import checked_units
from keras_attention.settings.layer_rules import checked_sizes


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerEncoder(Configured, keras.layers.Layer):
    """Stacked self-attention and feed-forward blocks (Vaswani et al. 2017, 3.1).

    Attention is Keras's `MultiHeadAttention`. Each block normalises its input. Positions are
    sinusoids, so the source length has no limit. The final state, from which a bridge computes the
    first state of an LSTM or GRU decoder, is the mean of the memory over the real tokens.

    Args:
        units: width of the memory, even and a multiple of `heads`.
        layers: number of layers. Default 2.
        heads: heads of the self-attention. Default 4.
        feed_forward: width of the feed-forward blocks. Default `4 * units`.
        dropout: rate in [0, 1) on the output of a block, before the residual sum. Default 0.

    Call arguments:
        inputs: float tensor `[B, S, E]`, embedded and padded on the right.
        mask: boolean tensor `[B, S]`, True where the token is real. Default: the mask that Keras
            propagates.
        training: whether dropout is active.

    Returns:
        `(memory, states)`: the memory `[B, S, units]`, and the states `((mean,),)`.

    Raises:
        ValueError: if an argument is out of range or contradicts another one.

    Example:
    >>> import numpy as np
    >>> from keras_attention import TransformerEncoder
    >>> memory, ((mean,),) = TransformerEncoder(8, heads=2)(np.ones((2, 5, 3), "float32"))
    >>> tuple(memory.shape), tuple(mean.shape)
    ((2, 5, 8), (2, 8))

    Reference:
        https://arxiv.org/abs/1706.03762, https://arxiv.org/abs/2002.04745
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 2,
        heads: int = 4,
        feed_forward: int | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.layers = checked_units(layers, "layers")
        self.heads = heads
        self.feed_forward = checked_sizes(units, heads, feed_forward, dropout)
        self.dropout = dropout
        self.supports_masking = True
        policy = self.dtype_policy
        self.positioned = PositionedInput(units, dtype=policy, name="positioned")
        shared = {"dropout": dropout, "dtype": policy}
        self.attentions = [
            SelfAttention(units, heads, name=f"attention_{index}", **shared)
            for index in range(layers)
        ]
        self.feed_forwards = [
            FeedForward(units, self.feed_forward, name=f"feed_forward_{index}", **shared)
            for index in range(layers)
        ]
        self.norm = LayerNorm(epsilon=EPSILON, dtype=policy, name="norm")

    def build(self, input_shape: Any) -> None:
        """Create every layer's weights from the inputs' shape `[B, S, E]`."""
        self.positioned.build(tuple(input_shape))
        for block in (*self.attentions, *self.feed_forwards):
            block.build()
        self.norm.build((None, None, self.units))
        self.built = True

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[tuple[Tensor]]]:
        """Encode the source; see the class for shapes."""
        x = self.positioned(inputs, ops.arange(ops.shape(inputs)[1]), mask)
        for attention, feed_forward in zip(self.attentions, self.feed_forwards, strict=True):
            x = feed_forward(attention(x, visible=mask, training=training), training=training)
        memory = self.norm(x)
        return memory, ((masked_mean(memory, mask),),)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Return the inputs' mask for the memory, and None for the state."""
        return mask, ((None,),)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the memory and of the state."""
        batch, steps = input_shape[:2]
        return (batch, steps, self.units), (((batch, self.units),),)
