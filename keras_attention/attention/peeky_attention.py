"""The peeky decoder: instead of attention, every step gets the same fixed vector."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class PeekyAttention(AttentionMechanism):
    """A fixed context from both ends of the memory: `[memory_first; memory_last]` at every step.

    In a bidirectional encoder, each of these two states has read the whole source: the last state
    in the forward direction, the first state in the backward direction. To get the peeky
    sequence-to-sequence model (after Cho et al. 2014, section 2.2), use placement `"before"` and
    `deep_output`. The vector then enters the LSTM and the output layer at every step. The model
    does not align, so the alignment is zeros.

    Args:
        mapping: has no effect.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`; only its shape is used.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real; real tokens must
            precede padding.

    Returns:
        `(context, alignment)`: `[B, 2 M]` and `[B, S]`, or `[B, T, 2 M]` and `[B, T, S]`. The
        context is zeros if a whole row is padding.

    Example:
    >>> import numpy as np
    >>> from keras_attention import PeekyAttention
    >>> query, memory = np.ones((1, 6), "float32"), np.array([[[1.0], [2.0], [3.0]]], "float32")
    >>> context, _ = PeekyAttention()(query, memory, memory_mask=np.array([[True, True, False]]))
    >>> np.asarray(context).tolist()
    [[1.0, 2.0]]

    Reference:
        https://arxiv.org/abs/1406.1078
    """

    def context_width(self, memory_width: int) -> int:
        """Return the width of the context, twice the width of the memory."""
        return 2 * memory_width

    def project(self, memory: Tensor) -> Tensor:
        """Return a placeholder `[B, S, 1]`, because no query is compared with keys."""
        return super().project(memory[:, :, :1])

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        memory = ops.cast(memory, self.compute_dtype)
        zeros = ops.zeros_like(memory[:, :, 0])[:, None]
        real = zeros + 1 if mask is None else ops.cast(mask, memory.dtype)
        outside = zeros[..., :1]
        preceding = ops.concatenate([outside, real[..., :-1]], -1)
        following = ops.concatenate([real[..., 1:], outside], -1)
        # No real token precedes the first real token, and none follows the last real token.
        ends = [ops.matmul(real * (1 - side), memory) for side in (preceding, following)]
        each_query = ops.cast(ops.zeros_like(query[:, :, :1]), memory.dtype)
        return ops.concatenate(ends, -1) + each_query, zeros + each_query, ()
