"""Scaled dot-product attention (Vaswani et al., 2017)."""

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class ScaledDotProductAttention(AttentionMechanism):
    """Dot product over the root of the width: `q . k / sqrt(D)` (Vaswani et al. 2017, eq. 1).

    Query and memory must have the same width. It has no weights; `QueryKeyValueAttention`
    projects all three.

    Args:
        mapping: as every mechanism takes it. Default `"softmax"`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`; of another width than `D` only where `keys` are given.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: float tensor `[B, S, D]`; default the memory.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`.

    Example:
    >>> import numpy as np
    >>> from keras_attention import ScaledDotProductAttention
    >>> query, memory = np.ones((2, 7, 6), "float32"), np.ones((2, 5, 6), "float32")
    >>> context, alignment = ScaledDotProductAttention()(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 6), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        return ops.matmul(query * query.shape[-1] ** -0.5, ops.transpose(keys, (0, 2, 1)))
