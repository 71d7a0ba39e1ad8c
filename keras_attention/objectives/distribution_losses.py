"""Losses that compare two distributions over the target tokens, step by step."""

from keras import ops

from keras_attention.ops.masking import Tensor


def consistency_loss(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Return how much two passes over the same pairs disagree (Liang et al. 2021, equation 2).

    `(KL(p_1 || p_2) + KL(p_2 || p_1)) / 2`, where `p_i = softmax(logits_i)`, averaged over the
    real target tokens. The gradient flows through both passes.

    Args:
        first: logits or log-probabilities of one pass, float tensor `[B, T, V]`.
        second: the same for another pass, with different dropout masks.
        weights: weight of each target token, float tensor `[B, T]`; 0 for padding.

    Returns:
        A float32 scalar of at least 0, in nats.

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.distribution_losses import consistency_loss
    >>> first, second = np.log([[[0.8, 0.2]]]), np.log([[[0.2, 0.8]]])
    >>> round(float(consistency_loss(first, second, np.ones((1, 1)))), 4)
    0.8318

    Reference:
        https://arxiv.org/abs/2106.14448
    """
    first, second = (ops.log_softmax(ops.cast(x, "float32"), axis=-1) for x in (first, second))
    # Both divergences together need only one sum over the tokens.
    both = ops.sum((ops.exp(first) - ops.exp(second)) * (first - second), axis=-1)
    return weighted_mean(both / 2, weights)


def distillation_loss(logits: Tensor, given: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of a student and its teacher (Kim and Rush 2016, section 3.1).

    `- mean_t sum_v q_tv log p_tv`, where `q = softmax(given)` is the teacher's distribution and
    `p = softmax(logits)` is the student's, averaged over the real target tokens.

    Args:
        logits: the student's logits or log-probabilities, float tensor `[B, T, V]`.
        given: the teacher's logits or log-probabilities, float tensor `[B, T, V]`.
        weights: weight of each target token, float tensor `[B, T]`; 0 for padding.

    Returns:
        A float32 scalar, in nats.

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.distribution_losses import distillation_loss
    >>> even, sure = np.log([[[0.5, 0.5]]]), np.log([[[0.9, 0.1]]])
    >>> round(float(distillation_loss(even, sure, np.ones((1, 1)))), 4)
    0.6931

    Reference:
        https://arxiv.org/abs/1606.07947
    """
    logits, given = ops.cast(logits, "float32"), ops.cast(given, "float32")
    losses = -ops.sum(ops.softmax(given, axis=-1) * ops.log_softmax(logits, axis=-1), axis=-1)
    return weighted_mean(losses, weights)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of losses `[B, T]` with weights of this shape; 0 if all weights are 0."""
    weights = ops.cast(weights, "float32")
    return ops.divide_no_nan(ops.sum(losses * weights), ops.sum(weights))
