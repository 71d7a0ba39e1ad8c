"""Sinusoidal encodings of positions."""

import math

from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor

LONGEST_PERIOD = 10000.0


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Return sines, then cosines, of `positions / 10000^(2 i / width)` (Vaswani et al. 2017, 3.5).

    The paper alternates sines and cosines; only the order differs. Positions have no limit.

    Args:
        positions: float32 tensor `[...]`, counted from 0.
        width: an even number.

    Returns:
        Float32 tensor `[..., width]`.

    Example:
    >>> import numpy as np
    >>> from keras_attention.layers.transformer.sinusoids import sinusoids
    >>> [round(float(x), 3) for x in np.asarray(sinusoids(np.ones(1, "float32"), 4))[0]]
    [0.841, 0.01, 0.54, 1.0]

    Reference:
        https://arxiv.org/abs/1706.03762
    """
    exponents = 2 * ops.arange(width // 2, dtype="float32") / width
    angles = ops.expand_dims(positions, -1) * ops.exp(-math.log(LONGEST_PERIOD) * exponents)
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], -1)
