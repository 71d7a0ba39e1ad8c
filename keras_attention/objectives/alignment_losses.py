"""Losses on the alignment, which training adds to the cross-entropy."""

from keras import ops

from keras_attention.objectives.distribution_losses import weighted_mean
from keras_attention.ops.masking import Tensor

_LEAST = 1e-9
"""Smaller weights are replaced by this value before the logarithm, so that the loss is finite."""


def coverage_loss(alignment: Tensor, real: Tensor) -> Tensor:
    """Return the penalty for attending to the same tokens again (See et al. 2017, equation 12).

    `mean_t sum_s min(alignment_ts, coverage_ts)`, where `coverage_t = sum_{t' < t} alignment_t'`
    and the mean is over the real target tokens.

    Args:
        alignment: float tensor `[B, T, S]`.
        real: boolean tensor `[B, T]`, True where the target token is real.

    Returns:
        A float32 scalar in [0, 1].

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.alignment_losses import coverage_loss
    >>> twice_the_same = np.array([[[1.0, 0.0], [1.0, 0.0]]], "float32")
    >>> float(coverage_loss(twice_the_same, np.array([[True, True]])))
    0.5

    Reference:
        https://arxiv.org/abs/1704.04368
    """
    alignment = ops.cast(alignment, "float32")
    coverage = ops.cumsum(alignment, axis=1) - alignment
    return weighted_mean(ops.sum(ops.minimum(alignment, coverage), axis=-1), real)


def guided_alignment_loss(alignment: Tensor, given: Tensor, real: Tensor) -> Tensor:
    """Return the cross-entropy of the alignment and a guide (Chen et al. 2016, section 3).

    `- mean_t sum_s given_ts log alignment_ts`, where the given weights of each target token are
    scaled to sum to 1. The mean is over the real target tokens; a token without given weights
    adds 0.

    Args:
        alignment: float tensor `[B, T, S]`.
        given: the guide, float tensor `[B, T, S]`, not negative.
        real: boolean tensor `[B, T]`, True where the target token is real.

    Returns:
        A float32 scalar, in nats.

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.alignment_losses import guided_alignment_loss
    >>> even, first = np.array([[[0.5, 0.5]]], "float32"), np.array([[[1.0, 0.0]]], "float32")
    >>> round(float(guided_alignment_loss(even, first, np.array([[True]]))), 4)
    0.6931

    Reference:
        https://arxiv.org/abs/1607.01628
    """
    alignment, given = ops.cast(alignment, "float32"), ops.cast(given, "float32")
    given = ops.divide_no_nan(given, ops.sum(given, axis=-1, keepdims=True))
    losses = -ops.sum(given * ops.log(ops.maximum(alignment, _LEAST)), axis=-1)
    return weighted_mean(losses, real)
