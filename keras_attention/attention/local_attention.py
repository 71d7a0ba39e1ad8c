"""Local attention: a window around one position (Luong et al., 2015)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_units,
)
from keras_attention.attention.base.content_attention import ContentAttention
from keras_attention.ops.dense import MatrixDense
from keras_attention.ops.masking import token_places


@keras.saving.register_keras_serializable(package="keras_attention")
class LocalAttention(ContentAttention):
    """Attention within the window `[p_t - D, p_t + D]` only (Luong et al. 2015, section 3.2).

    - Monotonic, "local-m": `p_t = t`, counted from 0. The weights are those of `content` within the
      window. A step whose window lies beyond the end of the source has zero weights.
    - Predictive, "local-p": `p_t = S * sigmoid(v . tanh(W h))` (equation 9), where `S` is the
      number of real tokens. The weights are multiplied by `exp(-(s - p_t)^2 / (2 sigma^2))` with
      `sigma = D / 2` (equation 10), so they sum to less than 1.

    Positions are always computed in float32.

    Args:
        content: the mechanism that scores within the window, such as `LuongAttention("general")`.
        window: `D`, a positive integer, in source positions. Default 10, as in the paper.
        predictive: whether to predict the position from the query. Default `False`.

    Call arguments:
        query: float tensor, one step `[B, Q]` or all steps `[B, T, Q]`, where `Q` is the width of
            the query.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given. Padding is skipped when positions are counted.
        keys: the result of `project(memory)`.
        state: the number of the step, float32 `[B, 1]`; `()` if `predictive`.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` does more than define a score, or `window` is not a positive
            integer.

    Example:
    >>> import numpy as np
    >>> from keras_attention import LocalAttention, LuongAttention
    >>> attention = LocalAttention(LuongAttention("dot"), window=1)
    >>> memory = np.ones((1, 4, 3), "float32")
    >>> context, alignment = attention(memory, memory)
    >>> (np.asarray(alignment)[0] > 0).astype(int).tolist()
    [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]

    Reference:
        https://arxiv.org/abs/1508.04025
    """

    def __init__(
        self,
        content: AttentionMechanism,
        window: int = 10,
        *,
        predictive: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(content, **kwargs)
        self.window = checked_units(window, "window")
        self.predictive = predictive
        self.recurrent = not predictive

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights of the score and, if `predictive`, `W` and `v`."""
        if self.predictive:
            units = query_shape[-1]
            self.hidden = self._built(units, "tanh", "position_hidden", units)
            self.position = self._built(1, "sigmoid", "position", units)
        super().build(query_shape, memory_shape)

    def _built(self, units: int, activation: str, name: str, width: int) -> MatrixDense:
        layer = self._dense(units, name, activation=activation, dtype="float32")
        layer.build((None, width))
        return layer

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Any:
        """Return zeros `[B, 1]`, the number of the first step; `()` if `predictive`."""
        return () if self.predictive else ops.zeros((ops.shape(memory)[0], 1), "float32")

    def state_structure(self) -> Any:
        """Return the nesting of the state: one tensor, or none if `predictive`."""
        return () if self.predictive else 0

    def _attend_all_steps(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Attend from all steps at once, because the numbers of the steps are known in advance."""
        count = ops.shape(query)[1]
        if not self.predictive:
            steps = ops.cast(ops.arange(count), "float32")[None, :, None]
            state = ops.expand_dims(state, 1) + steps
        context, alignment, state = self._attend(query, keys, memory, mask, state, training)
        return context, alignment, state if self.predictive else state[:, -1]

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        places = self._predicted(query, memory, mask) if self.predictive else state
        tokens = ops.arange(ops.shape(memory)[1]) if mask is None else token_places(mask)
        distance = ops.cast(tokens, "float32") - places
        near, visible = ops.abs(distance) <= self.window, self._visible(memory, mask)
        near = near if visible is None else ops.logical_and(near, visible)
        alignment = self._weigh(self._scores(query, keys, mask), near)
        if self.predictive:
            bell = ops.exp(-2.0 * ops.square(distance / self.window))  # sigma is half the window
            alignment = alignment * ops.cast(bell, alignment.dtype)
        return ops.matmul(alignment, memory), alignment, state if self.predictive else state + 1

    def _predicted(self, query: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """Predict the positions `[B, N, 1]`, from 0 to the number of real tokens."""
        real = ops.ones_like(memory[:, None, :, 0]) if mask is None else mask
        length = ops.sum(ops.cast(real, "float32"), axis=-1, keepdims=True)
        return length * self.position(self.hidden(query))
