"""Location-aware attention (Chorowski et al., 2015)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor, checked_units
from keras_attention.attention.base.history_attention import HistoryAttention


@keras.saving.register_keras_serializable(package="keras_attention")
class LocationAwareAttention(HistoryAttention):
    """Additive attention whose score uses the previous alignment (Chorowski et al. 2015, eq. 8, 9).

    `score(q, k_s) = v . tanh(W q + U k_s + F f_s + b)`, where `f_s`, a vector of width `filters`,
    is the previous step's alignment convolved along the source. The paper does not define the
    alignment before the first step. Here it is zeros, as in most implementations.

    Args:
        units: width of the hidden layer, a positive integer.
        filters: number of filters of the convolution, a positive integer. Default 10, as in the
            paper.
        kernel_size: width of the centred filters in source positions, a positive integer. Default
            15; the paper uses 201, for 80 frames a second.
        normalize: whether the score uses weight normalisation, as in `BahdanauAttention`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`, `[B, S, units]`.
        state: the previous alignment, float32 `[B, S]`. Default zeros.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state.

    Raises:
        ValueError: if `units`, `filters` or `kernel_size` is not a positive integer.

    Example:
    >>> import numpy as np
    >>> from keras_attention import LocationAwareAttention
    >>> attention = LocationAwareAttention(4, filters=2, kernel_size=3)
    >>> query, memory = np.ones((2, 7, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> context, alignment = attention(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 6), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1506.07503
    """

    def __init__(self, units: int, filters: int = 10, kernel_size: int = 15, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.filters = self._feature_width = checked_units(filters, "filters")
        self.kernel_size = checked_units(kernel_size, "kernel_size")
        self.convolution = keras.layers.Conv1D(
            filters,
            kernel_size,
            padding="same",
            use_bias=False,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the filters and the weights of the score."""
        self.convolution.build((None, None, 1))
        super().build(query_shape, memory_shape)

    def _features(self, history: Tensor) -> Tensor:
        shape = ops.shape(history)
        rows = ops.reshape(super()._features(history), (-1, shape[-1], 1))
        return ops.reshape(self.convolution(rows), (*shape, self.filters))

    def _remember(self, history: Tensor, alignment: Tensor, memory: Tensor) -> Tensor:
        return alignment
