"""Attention that sees how much it has attended to each position (Tu et al., 2016)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.history_attention import HistoryAttention


@keras.saving.register_keras_serializable(package="keras_attention")
class CoverageAttention(HistoryAttention):
    """Additive attention with coverage: the sum of the weights so far (See et al. 2017, eq. 11).

    `score(q, k_s) = v . tanh(W q + U k_s + w_c c_s + b)`, `c_s` the sum of all earlier steps'
    weights at `s`. With `fertility=N` it is the linguistic coverage of Tu et al. 2016, section
    3.1.1: a position's weights are divided by its fertility, `N * sigmoid(u . memory_s)`, the
    number of target tokens that it is expected to give.

    Args:
        units: width `U` of the small network, a positive integer.
        fertility: the largest fertility `N`, a positive number; Tu et al. have 2. Default `None`,
            where every position has a fertility of 1.
        normalize: whether the score is weight-normed, as `BahdanauAttention` has it.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: `project(memory)` of an earlier call, `[B, S, units]`.
        state: the coverage, float32 `[B, S]`; zeros when it is not given.
        return_state: whether the next state is returned too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state.

    Raises:
        ValueError: if `units` is not a positive integer, or `fertility` not a positive number.

    Example:
    >>> import numpy as np
    >>> from keras_attention import CoverageAttention
    >>> attention = CoverageAttention(4, fertility=2)
    >>> query, memory = np.ones((2, 7, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> context, alignment = attention(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 6), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1704.04368, https://arxiv.org/abs/1601.04811
    """

    def __init__(self, units: int, fertility: float | None = None, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        if fertility is not None and not fertility > 0:
            raise ValueError(
                f"`fertility` must be a positive number or None. Received: fertility={fertility!r}."
            )
        self.fertility = fertility
        if fertility is not None:
            self.fertility_projection = self._dense(1, "fertility_projection")

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Makes the weights of the fertility, where it is wanted, beside the small network."""
        if self.fertility is not None:
            self.fertility_projection.build(memory_shape)
        super().build(query_shape, memory_shape)

    def _remember(self, history: Tensor, alignment: Tensor, memory: Tensor) -> Tensor:
        if self.fertility is None:
            return history + alignment
        expected = ops.cast(self.fertility_projection(memory)[..., 0], "float32")
        expected = self.fertility * ops.maximum(ops.sigmoid(expected), 1e-6)
        return history + alignment / expected[:, None]
