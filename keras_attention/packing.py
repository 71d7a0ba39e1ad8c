"""Rows of ids whose padding stands in front, as Keras's `pad_sequences` leaves it by default."""

from collections.abc import Callable

from keras import ops

from keras_attention.gathering import take_places
from keras_attention.masking import Tensor, real_tokens, token_places


def pack_steps(ids: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Move each row's tokens before its padding, and say how to move results back.

    Args:
        ids: integer tensor `[B, T]`, 0 for padding.

    Returns:
        `(packed, unpack)`: ids `[B, T]`, every token before all padding, in the same order; and a
        function of what is computed for them, `[B, T, D]`, that moves it to where the tokens stood
        in `ids`. Where no padding stood before a token, both leave everything as it is; otherwise
        the results of padding are zeros.
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
