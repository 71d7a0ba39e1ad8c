"""Masks of real tokens, and a softmax that gives padding no weight."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import backend, ops

from keras_attention.special_tokens import PAD_ID

Tensor = Any


def real_tokens(ids: Tensor) -> Tensor:
    """Return the mask of `ids`: True where the token is real, False where it is padding.

    Args:
        ids: integer tensor of any shape.

    Returns:
        Boolean tensor of the same shape.
    """
    return ops.not_equal(ids, PAD_ID)


def real_steps(source: Tensor) -> Tensor:
    """Return the mask of a source: True where a step is real.

    Args:
        source: ids `[B, S]`, where 0 is padding; or features `[B, S, F]`, where a step of only
            zeros is padding, as in `keras.layers.Masking`.

    Returns:
        Boolean tensor `[B, S]`.
    """
    real = ops.not_equal(source, 0)
    return real if len(source.shape) == 2 else ops.any(real, axis=-1)


def token_places(mask: Tensor) -> Tensor:
    """Return the position of each real token among the real tokens of its row, counted from 0.

    Args:
        mask: boolean tensor `[..., S]`, True where the token is real.

    Returns:
        Int32 `[..., S]`; padding has the position of the real token before it, or 0.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.masking import token_places
    >>> np.asarray(token_places(np.array([[False, True, True]]))).tolist()
    [[0, 0, 1]]
    """
    return ops.maximum(ops.cumsum(ops.cast(mask, "int32"), axis=-1) - 1, 0)


def masked_mean(memory: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean over the real steps.

    Args:
        memory: float tensor `[B, S, M]`.
        mask: boolean tensor `[B, S]`, True where the step is real; `None` keeps every step.

    Returns:
        `[B, M]`; zeros where no step is real.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.masking import masked_mean
    >>> float(masked_mean(np.array([[[2.0], [4.0], [9.0]]]), np.array([[True, True, False]]))[0, 0])
    3.0
    """
    if mask is None:
        return ops.mean(memory, axis=1)
    real = ops.expand_dims(ops.cast(mask, memory.dtype), -1)
    return ops.sum(memory * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Compute the softmax over the last axis, with weights of exactly 0 at masked positions.

    The computation uses at least float32, whatever the dtype of `scores`. A row whose positions
    are all masked gets weights of 0, not NaN.

    Args:
        scores: float tensor `[..., S]`.
        mask: boolean tensor that broadcasts to `scores`, True where the position is real;
            `None` keeps every position.

    Returns:
        Weights of the shape and dtype of `scores`. Each row sums to 1, or to 0 if all its positions
        are masked.

    Example:
    >>> import numpy as np
    >>> from keras_attention.ops.masking import masked_softmax
    >>> weights = masked_softmax(np.zeros((2, 3), "float32"), np.array([[True, True, False]]))
    >>> [float(weight) for weight in np.asarray(weights)[0]]
    [0.5, 0.5, 0.0]
    """
    return map_real(_softmax, scores, mask)


def map_real(
    mapping: Callable[[Tensor], Tensor], scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Apply any mapping with the mask and precision of `masked_softmax`.

    Args:
        mapping: function from scores to weights; its input is float32, or float64 if `scores` is.
        scores: float tensor `[..., S]`.
        mask: boolean tensor that broadcasts to `scores`, or `None`.
    """
    dtype = backend.standardize_dtype(scores.dtype)
    softmax_dtype = dtype if dtype == "float64" else "float32"
    scores = ops.cast(scores, softmax_dtype)
    if mask is None:
        return ops.cast(mapping(scores), dtype)
    mask = ops.cast(mask, "bool")
    weights = mapping(ops.where(mask, scores, float(np.finfo(softmax_dtype).min)))
    return ops.cast(weights * ops.cast(mask, softmax_dtype), dtype)


def _softmax(scores: Tensor) -> Tensor:
    # Keras warns about a softmax over an axis of size 1, which a memory of one step has.
    return ops.ones_like(scores) if scores.shape[-1] == 1 else ops.softmax(scores, axis=-1)
