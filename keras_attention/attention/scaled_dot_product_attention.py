"""Scaled dot-product attention (Vaswani et al., 2017)."""

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class ScaledDotProductAttention(AttentionMechanism):
    """Scaled dot-product attention: `score = q . k / sqrt(D)` (Vaswani et al. 2017, eq. 1).

    Query and memory must have the same width. The layer has no weights; `QueryKeyValueAttention`
    adds projections of queries, keys and values.

    Args:
        mapping: the mapping from scores to weights; see `AttentionMechanism`. Default `"softmax"`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`; `M` may differ from `D` only if `keys` is given.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: float tensor `[B, S, D]`. Default: the memory.

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
