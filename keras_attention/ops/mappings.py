"""Mappings from scores to weights: softmax, and the sparse mappings sparsemax and 1.5-entmax."""

from collections.abc import Callable

from keras import ops

from keras_attention.ops.masking import Tensor, map_real, masked_softmax

_FAR = -4.0
"""A score that is this far from the largest score certainly has weight 0; see `_centred`."""


def masked_sparsemax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the point of the simplex nearest to the scores (Martins and Astudillo 2016).

    `p = max(z - tau, 0)`, where `tau` makes `p` sum to 1. Many weights are exactly 0.

    Args:
        scores: float tensor `[..., S]`.
        mask: boolean tensor that broadcasts to `scores`, True where the position is real;
            `None` keeps every position.

    Returns:
        Weights of the shape and dtype of `scores`. Each row sums to 1, or to 0 if all its positions
        are masked. The computation uses at least float32.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.mappings import masked_sparsemax
    >>> weights = masked_sparsemax(np.array([[1.0, 0.5, -3.0]], "float32"))
    >>> [float(weight) for weight in np.asarray(weights)[0]]
    [0.75, 0.25, 0.0]

    Reference:
        https://arxiv.org/abs/1602.02068
    """
    return map_real(_sparsemax, scores, mask)


def masked_entmax15(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the 1.5-entmax of the scores, between softmax and sparsemax (Peters et al. 2019).

    `p = max(z / 2 - tau, 0) ** 2`, where `tau` makes `p` sum to 1.

    Args:
        scores: float tensor `[..., S]`.
        mask: boolean tensor that broadcasts to `scores`, as in `masked_sparsemax`.

    Returns:
        Weights of the shape and dtype of `scores`, as from `masked_sparsemax`.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.mappings import masked_entmax15
    >>> weights = masked_entmax15(np.array([[1.0, 1.0, -3.0]], "float32"))
    >>> [round(float(weight), 6) for weight in np.asarray(weights)[0]]
    [0.5, 0.5, 0.0]

    Reference:
        https://arxiv.org/abs/1905.05702
    """
    return map_real(_entmax15, scores, mask)


MAPPINGS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "softmax": masked_softmax,
    "sparsemax": masked_sparsemax,
    "entmax15": masked_entmax15,
}


def _centred(scores: Tensor) -> Tensor:
    """Subtract the largest score and raise the rest to at least `_FAR`.

    The weight of a position is 0 unless its score is less than 1 (sparsemax) or 2 (1.5-entmax)
    below the largest score.
    """
    return ops.maximum(scores - ops.max(scores, axis=-1, keepdims=True), _FAR)


def _sparsemax(scores: Tensor) -> Tensor:
    # `ops.sparsemax` of Keras 3.15 is wrong if more than one weight is not zero.
    z = _centred(scores)
    ordered = _descending(z)
    # The threshold of the k largest scores is largest when k is the number of nonzero weights.
    taus = (ops.cumsum(ordered, axis=-1) - 1) / _counts(z)
    inside = ops.cast(z > ops.max(taus, axis=-1, keepdims=True), z.dtype)
    tau = (_sum(inside * z) - 1) / _sum(inside)
    return ops.maximum(z - tau, 0.0)


def _entmax15(scores: Tensor) -> Tensor:
    x, counts = _centred(scores) / 2, _counts(scores)
    ordered = _descending(x)
    sums = (ops.cumsum(values, axis=-1) for values in (ordered, ops.square(ordered)))
    taus = _entmax15_threshold(counts, *sums)
    size = _sum(ops.cast(taus <= ordered, x.dtype))
    inside = ops.cast(x > _sum(ops.where(ops.equal(counts, size), taus, 0.0)), x.dtype)
    tau = _entmax15_threshold(_sum(inside), _sum(inside * x), _sum(inside * ops.square(x)))
    return ops.square(ops.maximum(x - tau, 0.0))


def _entmax15_threshold(count: Tensor, total: Tensor, squares: Tensor) -> Tensor:
    """Solve `sum_i (x_i - tau)^2 = 1` for `tau`, over `count` positions.

    Args:
        count: number of positions.
        total: sum of their `x_i`.
        squares: sum of their `x_i^2`.
    """
    mean = total / count
    spread = squares - total * mean
    # If the spread exceeds 1, there is no solution: fewer than `count` positions have a weight.
    return mean - ops.sqrt(ops.maximum((1 - spread) / count, 1e-12))


def _counts(x: Tensor) -> Tensor:
    """Return the numbers 1 to S in the dtype of `x`."""
    return ops.cast(ops.arange(ops.shape(x)[-1]) + 1, x.dtype)


def _descending(x: Tensor) -> Tensor:
    # The gradient flows through the sums over the positions with a weight, not through the sort.
    return -ops.sort(-ops.stop_gradient(x), axis=-1)


def _sum(x: Tensor) -> Tensor:
    return ops.sum(x, axis=-1, keepdims=True)
