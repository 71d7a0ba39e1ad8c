"""What Transformers are stacked of: each block adds to its input what it makes of it, normalised.

The norm stands before a block and not behind the sum (Xiong et al. 2020), so that a training
without a warm-up does not diverge. All blocks take one step `[B, D]` or all steps `[B, T, D]`.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.layers.transformer.sinusoids import sinusoids
from keras_attention.ops.masking import masked_softmax, token_places

EPSILON = 1e-6


class Block(keras.layers.Layer):
    """`x + dropout(f(norm(x)))`, of width `units`; a kind of block defines `f`."""

    def __init__(self, units: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.norm = keras.layers.LayerNormalization(
            epsilon=EPSILON, dtype=self.dtype_policy, name="norm"
        )
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, *shapes: Any) -> None:
        """Makes the weights of the norm."""
        self.norm.build((None, None, self.units))
        self.built = True

    def _add(self, x: Tensor, y: Tensor, training: bool) -> Tensor:
        return ops.add(x, self.dropout(y, training=training))

    def _dense(self, units: int, name: str, activation: str | None = None) -> keras.layers.Dense:
        return keras.layers.Dense(units, activation, dtype=self.dtype_policy, name=name)


class FeedForward(Block):
    """Position by position, `V max(W x + b, 0) + c` (Vaswani et al. 2017, equation 2)."""

    def __init__(self, units: int, width: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.width = width
        self.inner = self._dense(width, "inner", "relu")
        self.outer = self._dense(units, "outer")

    def build(self, *shapes: Any) -> None:
        """Makes every weight."""
        self.inner.build((None, None, self.units))
        self.outer.build((None, None, self.width))
        super().build()

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """`[..., units]` of the same."""
        return self._add(x, self.outer(self.inner(self.norm(x))), training)


class SelfAttention(Block):
    """Keras's `MultiHeadAttention` among the positions of one sequence."""

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.heads = heads
        self.attention = keras.layers.MultiHeadAttention(
            heads, units // heads, use_bias=False, dtype=self.dtype_policy, name="attention"
        )

    def build(self, *shapes: Any) -> None:
        """Makes every weight."""
        self.attention.build((None, None, self.units), (None, None, self.units))
        super().build()

    def call(
        self, x: Tensor, visible: Tensor | None = None, causal: bool = False, training: bool = False
    ) -> Tensor:
        """All positions `[B, T, units]`; `visible` `[B, T]` is True where one may be looked at."""
        y = self.norm(x)
        visible = None if visible is None else ops.expand_dims(visible, 1)
        y = self.attention(y, y, attention_mask=visible, use_causal_mask=causal)
        return self._add(x, y, training)

    def cache(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[B, heads, T, units / heads]` of positions `[B, T, units]`."""
        y, attention = self.norm(x), self.attention
        projected = attention.key_dense(y), attention.value_dense(y)
        return tuple(ops.transpose(each, (0, 2, 1, 3)) for each in projected)  # type: ignore[return-value]

    def step(
        self, x: Tensor, cache: tuple[Tensor, Tensor], now: Tensor, visible: Tensor, training: bool
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One position, which looks at those before it and at itself.

        Args:
            x: `[B, units]`.
            cache: keys and values `[B, heads, P, units / heads]` of the positions before.
            now: boolean `[B, P]`, True at this position.
            visible: boolean `[B, P]`, True there and before.
            training: whether dropout is active.

        Returns:
            `[B, units]`, and the cache with this position.
        """
        one, here = ops.expand_dims(x, 1), now[:, None, :, None]
        pairs = zip(self.cache(one), cache, strict=True)
        keys, values = (ops.where(here, new, old) for new, old in pairs)
        query = ops.transpose(self.attention.query_dense(self.norm(one)), (0, 2, 1, 3))
        scores = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2)))
        scores = scores * (self.units // self.heads) ** -0.5
        read = ops.matmul(masked_softmax(scores, visible[:, None, None]), values)
        read = self.attention.output_dense(ops.transpose(read, (0, 2, 1, 3)))
        return self._add(x, ops.squeeze(read, 1), training), (keys, values)


class CrossAttention(Block):
    """A mechanism of ours from the positions of one sequence to the memory of another."""

    def __init__(self, units: int, mechanism: AttentionMechanism, **kwargs: Any) -> None:
        super().__init__(units, autocast=False, **kwargs)  # a cast would narrow the state
        self.mechanism = mechanism
        self.output_dense = self._dense(units, "output_dense")

    def build(self, memory_shape: Any) -> None:
        """Makes every weight from the shape `[B, S, M]` of the memory."""
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
        """`[..., units]`, the alignment `[..., S]` and the mechanism's next state."""
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
        # A mechanism made under another policy computes in its own dtype.
        context, alignment = (ops.cast(each, x.dtype) for each in (context, alignment))
        return self._add(x, self.output_dense(context), training), alignment, state


class PositionedInput(keras.layers.Layer):
    """`sqrt(E) x`, projected where it is not `units` wide, plus `sinusoids` (3.4 and 3.5)."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Makes the projection where there is one."""
        self.projects = input_shape[-1] != self.units
        if self.projects:
            self.projection = keras.layers.Dense(
                self.units, dtype=self.dtype_policy, name="projection"
            )
            self.projection.build(input_shape)
        self.built = True

    def call(self, x: Tensor, positions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Add `positions`, int32 that broadcast, to `x` `[..., E]`, and return `[..., units]`.

        With a mask `[B, S]` the positions `[S]` are those of the real tokens, in order.
        """
        x = x * float(x.shape[-1]) ** 0.5
        x = self.projection(x) if self.projects else x
        places = sinusoids(ops.cast(positions, "float32"), self.units)
        places = places if mask is None else ops.take(places, token_places(mask), axis=0)
        return ops.add(x, ops.cast(places, x.dtype))
