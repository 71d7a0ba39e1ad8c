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


@keras.saving.register_keras_serializable(package="keras_attention")
class BahdanauAttention(AttentionMechanism):
    """Additive attention: `score(q, k) = v . tanh(W q + U k)` (Bahdanau et al. 2015, A.1.2).

    With `normalize=True` the score is weight-normed, with a learnt scale `g` and a bias `b`:
    `g * v / |v| . tanh(W q + U k + b)` (Salimans and Kingma 2016), `g` starting at
    `1 / sqrt(units)` and `b` at zero.

    Args:
        units: width `U` of the small network, a positive integer.
        normalize: whether the score is weight-normed. Default `False`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: `project(memory)` of an earlier call, `[B, S, units]`.

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
        """Makes `W`, `U`, `v` and, where normed, `g` and `b`."""
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

    def project(self, memory: Tensor) -> Tensor:
        """Keys `U k`, `[B, S, units]`."""
        self._check_built()
        return self.key_projection(memory)

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        return self._read(self._sum(query, keys))

    def _sum(self, query: Tensor, keys: Tensor) -> Tensor:
        """`W q + U k`, and `b` where normed, `[B, T, S, units]`."""
        projected = self.query_projection(query)
        if self.normalize:
            projected = projected + ops.cast(self.b, projected.dtype)
        return ops.expand_dims(projected, 2) + ops.expand_dims(keys, 1)

    def _read(self, summed: Tensor) -> Tensor:
        """Scores `[B, T, S]` of such sums."""
        hidden = ops.tanh(summed)
        return times_vector(hidden, ops.cast(self._direction(), hidden.dtype))

    def _direction(self) -> Tensor:
        """The vector that reads the score off the hidden layer, `[units]`."""
        v = ops.cast(self.v, "float32")
        if not self.normalize:
            return v
        return ops.cast(self.g, "float32") * v / ops.sqrt(ops.sum(ops.square(v)))
