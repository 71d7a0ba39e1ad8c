"""Additive attention (Bahdanau et al., 2015)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_units,
)
from keras_attention.ops.dense import times_vector
from keras_attention.ops.loop_products import LoopKernel
from keras_attention.ops.recurrence import widen


@keras.saving.register_keras_serializable(package="keras_attention")
class BahdanauAttention(AttentionMechanism):
    """Additive attention: `score(q, k) = v . tanh(W q + U k)` (Bahdanau et al. 2015, A.1.2).

    With `normalize=True` the score uses weight normalisation, with a learnt scale `g` and a bias
    `b`: `g * v / |v| . tanh(W q + U k + b)` (Salimans and Kingma 2016). `g` starts at
    `1 / sqrt(units)` and `b` at 0.

    Args:
        units: width of the hidden layer, a positive integer.
        normalize: whether the score uses weight normalisation. Default `False`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`, `[B, S, units]`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`.

    Raises:
        ValueError: if `units` is not a positive integer.

    Example:
    >>> import numpy as np
    >>> from keras_attention import BahdanauAttention
    >>> attention = BahdanauAttention(4)
    >>> query, memory = np.ones((2, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> mask = np.array([[True] * 5, [True] * 2 + [False] * 3])
    >>> context, alignment = attention(query, memory, memory_mask=mask)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 6), (2, 5))

    Reference:
        https://arxiv.org/abs/1409.0473, https://arxiv.org/abs/1602.07868
    """

    def __init__(self, units: int, *, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.normalize = normalize
        self.query_projection = self._dense(units, "query_projection")
        self.key_projection = self._dense(units, "key_projection")

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create `W`, `U` and `v`, and with `normalize` also `g` and `b`."""
        self.query_projection.build(query_shape)
        self.key_projection.build(memory_shape)
        self.v = self._vector(self.units, "v")
        if self.normalize:
            scale = keras.initializers.Constant(self.units**-0.5)
            self.g = self.add_weight(shape=(), initializer=scale, name="g")
            self.b = self.add_weight(
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                name="b",
            )
        self.built = True

    @property
    def loop_kernels(self) -> list[LoopKernel]:
        """The kernel of the query's projection."""
        return [self.query_projection.loop_kernel]

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys `U k`, `[B, S, units]`."""
        self._check_built()
        return self.key_projection(memory)

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        return self._score_sums(self._sum(query, keys))

    def _sum(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return `W q + U k`, plus `b` with `normalize`, `[B, T, S, units]`."""
        projected = self.query_projection(query)
        if self.normalize:
            projected = projected + ops.cast(self.b, projected.dtype)
        return ops.expand_dims(projected, 2) + ops.expand_dims(keys, 1)

    def _score_sums(self, sums: Tensor) -> Tensor:
        """Return the scores `[B, T, S]` for the inputs `[B, T, S, units]` of the tanh."""
        hidden = ops.tanh(widen(sums))
        scores = times_vector(hidden, ops.cast(self._score_vector(), hidden.dtype))
        return ops.cast(scores, sums.dtype)

    def _score_vector(self) -> Tensor:
        """Return the vector `[units]` that maps the hidden layer to the score."""
        v = ops.cast(self.v, "float32")
        if not self.normalize:
            return v
        return ops.cast(self.g, "float32") * v / ops.sqrt(ops.sum(ops.square(v)))
