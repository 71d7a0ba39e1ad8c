"""Moves padding from the front of rows, where Keras's `pad_sequences` puts it, to their end."""

from collections.abc import Callable

from keras import ops

from keras_attention.ops.indexing import take_places
from keras_attention.ops.masking import Tensor, real_tokens, token_places


def pack_steps(ids: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Move each row's tokens before its padding, and say how to move results back.

    Args:
        ids: integer tensor `[B, T]`, 0 for padding.

    Returns:
        `(packed, unpack)`: ids `[B, T]` with every token before all padding, in the same order; and
        a function that moves results `[B, T, D]` for them to the places of the tokens in `ids`. If
        no padding precedes a token, both change nothing; otherwise results for padding are zeros.
    """
    real = real_tokens(ids)
    scattered = ops.any(ops.logical_and(real[:, 1:], ops.logical_not(real[:, :-1])))

    def packed() -> Tensor:
        steps = ops.arange(ops.shape(ids)[1])
        order = ops.argsort(ops.where(real, steps, steps + ops.shape(ids)[1]), axis=1)
        return ops.take_along_axis(ids, order, axis=1)

    def unpack(x: Tensor) -> Tensor:
        def moved() -> Tensor:
            here = take_places(x, token_places(real))
            return ops.where(real[:, :, None], here, ops.zeros_like(x))

        return ops.cond(scattered, moved, lambda: x)

    return ops.cond(scattered, packed, lambda: ids), unpack
