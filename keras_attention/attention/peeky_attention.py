"""No attention, but a fixed vector that every step sees (the peeky decoder)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class PeekyAttention(AttentionMechanism):
    """The encoder's two ends, the same at every step: `[memory_first; memory_last]`.

    A bidirectional encoder has read all of the source at the first real token from behind and at
    the last from the front. In the placement `"before"` with `deep_output` this is the peeky
    sequence-to-sequence model, whose fixed vector enters the LSTM and the output at every step
    (after Cho et al. 2014, section 2.2). There is nothing to align: the alignment is zero.

    Args:
        mapping: without effect.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`; only its shape counts.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real; real ones stand
            before padding.

    Returns:
        `(context, alignment)`: `[B, 2 M]` and `[B, S]`, or `[B, T, 2 M]` and `[B, T, S]`; zeros
        where all of a row is padding.

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
        """Width of the context: that of both ends."""
        return 2 * memory_width

    def project(self, memory: Tensor) -> Tensor:
        """Next to nothing, `[B, S, 1]`: no query is compared with anything."""
        return super().project(memory[:, :, :1])

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        memory = ops.cast(memory, self.compute_dtype)
        nothing = ops.zeros_like(memory[:, :, 0])[:, None]
        real = nothing + 1 if mask is None else ops.cast(mask, memory.dtype)
        outside = nothing[..., :1]
        before = ops.concatenate([outside, real[..., :-1]], -1)
        behind = ops.concatenate([real[..., 1:], outside], -1)
        # Real tokens that nothing real stands before, or behind.
        ends = [ops.matmul(real * (1 - side), memory) for side in (before, behind)]
        each_query = ops.cast(ops.zeros_like(query[:, :, :1]), memory.dtype)
        return ops.concatenate(ends, -1) + each_query, nothing + each_query, ()
