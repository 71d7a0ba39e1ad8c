"""The residual blocks of Transformers.

Each block normalises its input, not its output (Xiong et al. 2020), so that training is stable
even without a warm-up. All blocks accept one step `[B, D]` or all steps `[B, T, D]`.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.fast.layer_norm import LayerNorm
from keras_attention.layers.transformer.sinusoids import sinusoids
from keras_attention.ops.masking import masked_softmax, token_places

EPSILON = 1e-6


class Block(keras.layers.Layer):
    """Base class: `x + dropout(f(norm(x)))` of width `units`; a subclass defines `f`."""

    def __init__(self, units: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.norm = LayerNorm(epsilon=EPSILON, dtype=self.dtype_policy, name="norm")
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, *shapes: Any) -> None:
        """Create the weights of the norm."""
        self.norm.build((None, None, self.units))
        self.built = True

    def _add(self, x: Tensor, y: Tensor, training: bool) -> Tensor:
        return ops.add(x, self.dropout(y, training=training))

    def _dense(self, units: int, name: str, activation: str | None = None) -> keras.layers.Dense:
        return keras.layers.Dense(units, activation, dtype=self.dtype_policy, name=name)


class FeedForward(Block):
    """`V max(W x + b, 0) + c` at each position (Vaswani et al. 2017, equation 2)."""

    def __init__(self, units: int, width: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.width = width
        self.inner = self._dense(width, "inner", "relu")
        self.outer = self._dense(units, "outer")

    def build(self, *shapes: Any) -> None:
        """Create every weight."""
        self.inner.build((None, None, self.units))
        self.outer.build((None, None, self.width))
        super().build()

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the block's output `[..., units]` for `x` of the same shape."""
        return self._add(x, self.outer(self.inner(self.norm(x))), training)


class SelfAttention(Block):
    """Keras's `MultiHeadAttention` between the positions of one sequence."""

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.heads = heads
        self.attention = keras.layers.MultiHeadAttention(
            heads, units // heads, use_bias=False, dtype=self.dtype_policy, name="attention"
        )

    def build(self, *shapes: Any) -> None:
        """Create every weight."""
        self.attention.build((None, None, self.units), (None, None, self.units))
        super().build()

    def call(
        self, x: Tensor, visible: Tensor | None = None, causal: bool = False, training: bool = False
    ) -> Tensor:
        """Run all positions `[B, T, units]`, attending where `visible` `[B, T]` is True."""
        y = self.norm(x)
        visible = None if visible is None else ops.expand_dims(visible, 1)
        y = self.attention(y, y, attention_mask=visible, use_causal_mask=causal)
        return self._add(x, y, training)

    def cache(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values `[B, heads, T, units / heads]` of positions `[B, T, units]`."""
        y, attention = self.norm(x), self.attention
        projected = attention.key_dense(y), attention.value_dense(y)
        return tuple(ops.transpose(each, (0, 2, 1, 3)) for each in projected)  # type: ignore[return-value]

    def step(
        self, x: Tensor, cache: tuple[Tensor, Tensor], now: Tensor, visible: Tensor, training: bool
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one position, which attends to itself and to the positions before it.

        Args:
            x: `[B, units]`.
            cache: keys and values `[B, heads, P, units / heads]` of the positions before.
            now: boolean `[B, P]`, True at this position.
            visible: boolean `[B, P]`, True at this position and before it.
            training: whether dropout is active.

        Returns:
            The output `[B, units]`, and the cache with this position added.
        """
        one, here = ops.expand_dims(x, 1), now[:, None, :, None]
        pairs = zip(self.cache(one), cache, strict=True)
        keys, values = (ops.where(here, new, old) for new, old in pairs)
        query = ops.transpose(self.attention.query_dense(self.norm(one)), (0, 2, 1, 3))
        scores = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2)))
        scores = scores * (self.units // self.heads) ** -0.5
        context = ops.matmul(masked_softmax(scores, visible[:, None, None]), values)
        context = self.attention.output_dense(ops.transpose(context, (0, 2, 1, 3)))
        return self._add(x, ops.squeeze(context, 1), training), (keys, values)


class CrossAttention(Block):
    """An `AttentionMechanism` from the positions of one sequence to the memory of another."""

    def __init__(self, units: int, mechanism: AttentionMechanism, **kwargs: Any) -> None:
        # Casting the arguments would lower the precision of the mechanism's float32 state too.
        super().__init__(units, autocast=False, **kwargs)
        self.mechanism = mechanism
        self.output_dense = self._dense(units, "output_dense")

    def build(self, memory_shape: Any) -> None:
        """Create every weight from the memory's shape `[B, S, M]`."""
        if not self.mechanism.built:
            self.mechanism.build((None, None, self.units), memory_shape)
        self.output_dense.build((None, None, self.mechanism.context_width(memory_shape[-1])))
        super().build()

    def call(
        self,
        x: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None,
        keys: Tensor,
        state: Any,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, Any]:
        """Return `[..., units]`, the alignment `[..., S]` and the mechanism's next state."""
        x = ops.cast(x, self.compute_dtype)
        context, alignment, state = self.mechanism(
            self.norm(x),
            memory,
            memory_mask=memory_mask,
            keys=keys,
            state=state,
            training=training,
            return_state=True,
        )
        # A mechanism with a different dtype policy computes in its own dtype.
        context, alignment = (ops.cast(each, x.dtype) for each in (context, alignment))
        return self._add(x, self.output_dense(context), training), alignment, state


class PositionedInput(keras.layers.Layer):
    """`sqrt(E) x` plus `sinusoids` (Vaswani et al. 2017, 3.4 and 3.5).

    `x` is projected to the width `units` if it has a different width `E`.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create the projection if the inputs are not `units` wide."""
        self.projects = input_shape[-1] != self.units
        if self.projects:
            self.projection = keras.layers.Dense(
                self.units, dtype=self.dtype_policy, name="projection"
            )
            self.projection.build(input_shape)
        self.built = True

    def call(self, x: Tensor, positions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Add the encodings of int32 `positions` to `x` `[..., E]`, and return `[..., units]`.

        The positions broadcast to `x`. With a mask `[B, S]`, padding is skipped when the positions
        `[S]` are counted.
        """
        x = x * float(x.shape[-1]) ** 0.5
        x = self.projection(x) if self.projects else x
        encodings = sinusoids(ops.cast(positions, "float32"), self.units)
        if mask is not None:
            encodings = ops.take(encodings, token_places(mask), axis=0)
        return ops.add(x, ops.cast(encodings, x.dtype))
