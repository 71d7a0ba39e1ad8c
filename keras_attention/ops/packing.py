"""Moving padding to the end of rows. By default, Keras's `pad_sequences` puts it at the front."""

from collections.abc import Callable

from keras import ops

from keras_attention.ops.indexing import take_places
from keras_attention.ops.masking import Tensor, real_tokens, token_places


def pack_steps(ids: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Move each row's tokens to the front, and return a function that moves results back.

    Args:
        ids: integer tensor `[B, T]`, 0 for padding.

    Returns:
        `(packed, unpack)`: `packed` is `ids` `[B, T]` with every token before all padding, in the
        same order. `unpack` moves results `[B, T, D]` for `packed` to the places of the tokens in
        `ids`; results for padding become zeros. If no padding precedes a token, `packed` is `ids`
        and `unpack` returns its argument.
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
