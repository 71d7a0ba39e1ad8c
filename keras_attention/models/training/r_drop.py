"""R-Drop: two passes over a batch with different dropout masks (Liang et al. 2021).

Both are one pass over twice the rows, so recurrent layers run as many steps as without R-Drop.
"""

from keras import ops

from keras_attention.ops.masking import Tensor


def twice(x: Tensor | None) -> Tensor | None:
    """Return a batch followed by itself; None stays None."""
    return x if x is None else ops.concatenate([x, x])


def split_passes(logits: Tensor) -> Tensor:
    """Return logits `[2 * B, T, V]` as those of both passes, `[2, B, T, V]`."""
    return ops.reshape(logits, (2, -1, *ops.shape(logits)[1:]))


def join_passes(logits: Tensor) -> Tensor:
    """Return the logits `[2, B, T, V]` of both passes as `[2 * B, T, V]`."""
    return ops.reshape(logits, (-1, *ops.shape(logits)[2:]))


def has_passes(logits: Tensor) -> bool:
    """Return whether logits are those of both passes."""
    return len(logits.shape) == 4
