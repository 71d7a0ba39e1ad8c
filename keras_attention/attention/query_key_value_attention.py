"""Attention with projected queries, keys and values, and one or more heads."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_units,
)
from keras_attention.attention.base.content_attention import ContentAttention, key_width
from keras_attention.attention.base.rules import check_heads
from keras_attention.attention.scaled_dot_product_attention import ScaledDotProductAttention
from keras_attention.ops.loop_products import LoopKernel


@keras.saving.register_keras_serializable(package="keras_attention")
class QueryKeyValueAttention(ContentAttention):
    """Multi-head attention with any score (Vaswani et al. 2017, section 3.2).

    `head_i = attention(W_q,i q, W_k,i memory, W_v,i memory)`. The context is the concatenation of
    the heads' contexts, multiplied by `W_o` if `output_units` is given. With the default score,
    one head is textbook scaled dot-product attention, and several heads compute the same as
    `keras.layers.MultiHeadAttention`. If the score has weights, all heads share them.

    Args:
        key_units: width of a head's queries and keys, a positive integer.
        heads: number of heads, a positive integer. Default 1.
        value_units: width of a head's values. Default: `key_units`.
        output_units: width of the context after `W_o`. Default `None`: no `W_o`.
        content: the mechanism that computes the weights. Default: `ScaledDotProductAttention()`.
        use_bias: whether the projections have biases. Default `True`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`, the concatenated keys and values of all heads.

    Returns:
        `(context, alignment)`: `[B, C]` and `[B, S]`, or `[B, T, C]` and `[B, T, S]`, where `C` is
        `output_units` or `heads * value_units`. The alignment is the mean over the heads.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` does more than define a score, or a width or the number of heads is
            not a positive integer.

    Example:
    >>> import numpy as np
    >>> from keras_attention import BahdanauAttention, QueryKeyValueAttention
    >>> attention = QueryKeyValueAttention(4, heads=2, content=BahdanauAttention(3))
    >>> query, memory = np.ones((2, 7, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> context, alignment = attention(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 8), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        key_units: int,
        *,
        heads: int = 1,
        value_units: int | None = None,
        output_units: int | None = None,
        content: AttentionMechanism | None = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        default = ScaledDotProductAttention(dtype=kwargs.get("dtype"))
        super().__init__(default if content is None else content, **kwargs)
        self.key_units = checked_units(key_units, "key_units")
        self.heads = checked_units(heads, "heads")
        self.value_units = checked_units(value_units or key_units, "value_units")
        self.output_units = output_units
        self.use_bias = use_bias
        keys, values = heads * self.key_units, heads * self.value_units
        self.query_projection = self._dense(keys, "query_projection", use_bias=use_bias)
        self.key_projection = self._dense(keys, "key_projection", use_bias=use_bias)
        self.value_projection = self._dense(values, "value_projection", use_bias=use_bias)
        if output_units is not None:
            units = checked_units(output_units, "output_units")
            self.output_projection = self._dense(units, "output_projection", use_bias=use_bias)

    @classmethod
    def of_width(cls, units: int, *, heads: int = 1, **kwargs: Any) -> "QueryKeyValueAttention":
        """Return a layer whose heads have keys and values of width `units / heads` each.

        Args:
            units: total width of all heads, a multiple of `heads`.
            heads: number of heads, a positive integer. Default 1.
            **kwargs: the other arguments of the class.

        Raises:
            ValueError: if `units` is not a multiple of `heads`, or an argument is invalid.
        """
        check_heads(checked_units(units), checked_units(heads, "heads"))
        return cls(units // heads, heads=heads, **kwargs)

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the projections, and the weights of the score for the width of a head."""
        self.query_projection.build(query_shape)
        self.key_projection.build(memory_shape)
        self.value_projection.build(memory_shape)
        if self.output_units is not None:
            self.output_projection.build((None, self.heads * self.value_units))
        head = None, None, self.key_units
        super().build(head, head)
        self._keys_end = self.heads * key_width(self.content, self.key_units)

    @property
    def loop_kernels(self) -> list[LoopKernel]:
        """The kernels of the query's and the output's projection."""
        layers = [self.query_projection]
        layers += [] if self.output_units is None else [self.output_projection]
        return [layer.loop_kernel for layer in layers]

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys and values of all heads, `[B, S, heads * (U + value_units)]`."""
        self._check_built()
        keys = self.content.project(self._fold(self.key_projection(memory)))
        return ops.concatenate([self._unfold(keys), self.value_projection(memory)], axis=-1)

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        queries = self._fold(self.query_projection(query))
        keys, values = (self._fold(x) for x in ops.split(keys, [self._keys_end], axis=-1))
        shared = None if mask is None else ops.repeat(mask, self.heads, axis=0)
        weights = self._weigh(self._scores(queries, keys, shared), self._visible(values, shared))
        context = self._unfold(ops.matmul(weights, values))
        if self.output_units is not None:
            context = self._without_padding(self.output_projection(context), mask)
        rows = ops.shape(weights)[1:]
        return context, ops.mean(ops.reshape(weights, (-1, self.heads, *rows)), axis=1), state

    def _without_padding(self, context: Tensor, mask: Tensor | None) -> Tensor:
        """Set the context of an all-padding row to zero; otherwise it would be the output bias."""
        if mask is None or not self.use_bias:
            return context
        return context * ops.cast(ops.any(mask, axis=-1, keepdims=True), context.dtype)

    def _fold(self, x: Tensor) -> Tensor:
        """Reshape `[B, N, heads * U]` to `[B * heads, N, U]`."""
        batch, steps = ops.shape(x)[:2]
        x = ops.reshape(x, (batch, steps, self.heads, x.shape[-1] // self.heads))
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, steps, x.shape[-1]))

    def _unfold(self, x: Tensor) -> Tensor:
        """Reshape `[B * heads, N, U]` to `[B, N, heads * U]`."""
        steps, width = ops.shape(x)[1], x.shape[-1]
        x = ops.transpose(ops.reshape(x, (-1, self.heads, steps, width)), (0, 2, 1, 3))
        return ops.reshape(x, (-1, steps, self.heads * width))

    def context_width(self, memory_width: int) -> int:
        """Return the width of the context: `output_units`, or the total width of the values."""
        return self.output_units or self.heads * self.value_units
