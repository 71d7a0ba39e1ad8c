"""What the encoder leaves for the decoder to attend to."""

from typing import NamedTuple

from keras import ops

from keras_attention.ops.masking import Tensor


class Memory(NamedTuple):
    """What the encoder leaves for the decoder to attend to.

    Attributes:
        values: encoder outputs `[B, S, M]`.
        keys: what queries are compared with, `[B, S, U]`, projected once.
        mask: `[B, S]`, True where the source token is real.
        copies: the source as target ids `[B, S]`, where the model copies; otherwise `()`.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor
    copies: Tensor | tuple[()] = ()

    def take(self, rows: Tensor) -> "Memory":
        """That of some of the sources, of the indices `rows` `[R]`."""
        parts = self[:3] if isinstance(self.copies, tuple) else self
        return Memory(*(ops.take(part, rows, axis=0) for part in parts))
