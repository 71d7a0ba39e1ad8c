"""Attention whose score depends on the coverage of each position (Tu et al., 2016)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.history_attention import HistoryAttention


@keras.saving.register_keras_serializable(package="keras_attention")
class CoverageAttention(HistoryAttention):
    """Additive attention with coverage: the sum of the weights so far (See et al. 2017, eq. 11).

    `score(q, k_s) = v . tanh(W q + U k_s + w_c c_s + b)`, where `c_s` is the sum of the weights of
    all earlier steps at `s`. With `fertility=N`, `c_s` is the linguistic coverage of Tu et al.
    2016, section 3.1.1: the weights of a position are divided by its fertility,
    `N * sigmoid(u . memory_s)`, the expected number of target tokens for this position.

    Args:
        units: width of the hidden layer, a positive integer.
        fertility: the largest fertility `N`, a positive number; Tu et al. use 2. Default `None`:
            every position has a fertility of 1.
        normalize: whether the score uses weight normalisation, as in `BahdanauAttention`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`, `[B, S, units]`.
        state: the coverage, float32 `[B, S]`. Default zeros.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state.

    Raises:
        ValueError: if `units` is not a positive integer, or if `fertility` is not a positive
            number.

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
        """Create the weights of the score, and `u` if the layer predicts fertilities."""
        if self.fertility is not None:
            self.fertility_projection.build(memory_shape)
        super().build(query_shape, memory_shape)

    def _remember(self, history: Tensor, alignment: Tensor, memory: Tensor) -> Tensor:
        if self.fertility is None:
            return history + alignment
        expected = ops.cast(self.fertility_projection(memory)[..., 0], "float32")
        expected = self.fertility * ops.maximum(ops.sigmoid(expected), 1e-6)
        return history + alignment / expected[:, None]
