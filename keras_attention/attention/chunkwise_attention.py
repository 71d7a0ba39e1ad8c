"""Monotonic chunkwise attention, MoChA (Chiu and Raffel, 2018)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_units,
)
from keras_attention.attention.base.content_attention import key_width
from keras_attention.attention.monotonic_attention import MonotonicAttention


@keras.saving.register_keras_serializable(package="keras_attention")
class ChunkwiseAttention(MonotonicAttention):
    """Soft attention over a chunk: `w` positions that end where monotonic attention stops (MoChA).

    With `alpha` from `MonotonicAttention` and a second score `u`, the weights are
    `beta_s = sum_(k=s)^(s+w-1) alpha_k exp(u_s) / sum_(l=k-w+1)^k exp(u_l)` (Chiu and Raffel
    2018, equation 22). Each chunk has its own softmax. The result equals the moving sums of
    equation 23, but it cannot underflow.

    Args:
        content: the mechanism that scores where to stop; its mapping must be `"softmax"`.
        chunk: `w`, a positive integer; with 1 the layer is monotonic attention. Default 2.
        chunk_content: the mechanism whose score and mapping are used within a chunk. Default: a new
            layer with the same arguments as `content`.
        noise: see `MonotonicAttention`.
        initial_bias: see `MonotonicAttention`.
        seed: see `MonotonicAttention`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`, the concatenated keys of both scores.
        state: `alpha` of the previous step, float32 `[B, S]`.
        training: whether to return expected weights, as in training. Default `False`.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state. The weights of a step sum to at most 1.

    Raises:
        TypeError: if `content` or `chunk_content` is not a mechanism.
        ValueError: if `content` or `chunk_content` does more than define a score, or another
            argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import ChunkwiseAttention, LuongAttention
    >>> attention = ChunkwiseAttention(LuongAttention("dot"), chunk=2)
    >>> query, memory = np.eye(3, dtype="float32")[None, ::2], 2 * np.eye(3, dtype="float32")[None]
    >>> (np.asarray(attention(query, memory)[1])[0] > 0).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]

    Reference:
        https://arxiv.org/abs/1712.05382
    """

    def __init__(
        self,
        content: AttentionMechanism,
        chunk: int = 2,
        *,
        chunk_content: AttentionMechanism | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(content, **kwargs)
        self.chunk = checked_units(chunk, "chunk")
        if chunk_content is None:
            config = {**content.get_config(), "name": f"chunk_{content.name}"}
            chunk_content = type(content).from_config(config)
        self._check_content(chunk_content, "chunk_content")
        self.chunk_content = chunk_content

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights of both scores."""
        super().build(query_shape, memory_shape)
        if not self.chunk_content.built:
            self.chunk_content.build(query_shape, memory_shape)
        self._key_width = key_width(self.content, memory_shape[-1])

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys of both scores, `[B, S, U + U']`."""
        keys = super().project(memory), self.chunk_content.project(memory)
        return ops.concatenate(keys, axis=-1)

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        return super()._scores(query, keys[..., : self._key_width], mask)

    def _spread(
        self, stopped: Tensor, query: Tensor, keys: Tensor, memory: Tensor, mask: Tensor | None
    ) -> Tensor:
        scores = self.chunk_content._scores(query, keys[..., self._key_width :], mask)
        visible = self.chunk_content._visible(memory, mask)
        visible = ops.ones_like(memory[:, None, :, 0]) if visible is None else visible
        inside = self._chunks(ops.cast(visible, "float32")) > 0
        shares = self.chunk_content._weigh(self._chunks(ops.cast(scores, "float32")), inside)
        weights = ops.expand_dims(stopped, -1) * shares
        # `weights[..., back]` is the weight of the position `back` steps before the stop. It is
        # stored at the stop, so shift it back.
        return sum(_shift(weights[..., back], -back) for back in range(self.chunk))

    def _chunks(self, x: Tensor) -> Tensor:
        """Return for each position of `x` `[B, N, S]` its value and the `w - 1` values before it.

        The shape is `[B, N, S, w]`; the position's own value comes first.
        """
        return ops.stack([_shift(x, back) for back in range(self.chunk)], axis=-1)


def _shift(x: Tensor, by: int) -> Tensor:
    """Shift `x` `[B, N, S]` to later positions, or to earlier ones if `by` is negative."""
    size = ops.shape(x)[-1]
    if by < 0:
        return ops.pad(x, ((0, 0), (0, 0), (0, -by)))[..., -by:]
    return ops.pad(x, ((0, 0), (0, 0), (by, 0)))[..., :size] if by else x
