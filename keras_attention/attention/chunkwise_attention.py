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
    """Soft attention over the `w` positions that end where monotonic attention stops (MoChA).

    With `alpha` of `MonotonicAttention` and a second score `u`, the weights are
    `beta_s = sum_(k=s)^(s+w-1) alpha_k exp(u_s) / sum_(l=k-w+1)^k exp(u_l)` (Chiu and Raffel
    2018, equation 22). Every chunk's softmax is taken by itself, which is what the moving sums of
    equation 23 give, without their underflow.

    Args:
        content: the mechanism that scores where to stop, of mapping `"softmax"`.
        chunk: `w`, a positive integer; with 1 it is monotonic attention. Default 2.
        chunk_content: the mechanism that scores within a chunk, whose mapping holds there;
            default another of the kind of `content`.
        noise: as `MonotonicAttention` takes it.
        initial_bias: as `MonotonicAttention` takes it.
        seed: as `MonotonicAttention` takes it.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: `project(memory)` of an earlier call, the keys of both scores beside each other.
        state: `alpha` of the previous step, float32 `[B, S]`.
        training: whether the weights are the expected ones.
        return_state: whether the next state is returned too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state. The weights of a step sum to at most 1.

    Raises:
        TypeError: if `content` or `chunk_content` is not a mechanism.
        ValueError: if one of them is no score, or another argument is out of range.

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
        """Makes the weights of both scores."""
        super().build(query_shape, memory_shape)
        if not self.chunk_content.built:
            self.chunk_content.build(query_shape, memory_shape)
        self._key_width = key_width(self.content, memory_shape[-1])

    def project(self, memory: Tensor) -> Tensor:
        """Keys of both scores, `[B, S, U + U']`."""
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
        # From where it stopped back to what each share is of.
        return sum(_moved(weights[..., back], -back) for back in range(self.chunk))

    def _chunks(self, x: Tensor) -> Tensor:
        """`[B, N, S, w]` of `[B, N, S]`: values at each position and at those before, backwards."""
        return ops.stack([_moved(x, back) for back in range(self.chunk)], axis=-1)


def _moved(x: Tensor, by: int) -> Tensor:
    """`x` `[B, N, S]` moved to later positions, or to earlier ones where `by` is negative."""
    size = ops.shape(x)[-1]
    if by < 0:
        return ops.pad(x, ((0, 0), (0, 0), (0, -by)))[..., -by:]
    return ops.pad(x, ((0, 0), (0, 0), (by, 0)))[..., :size] if by else x
