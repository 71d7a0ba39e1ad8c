"""The memory: the encoder's outputs, with keys and mask computed once per source."""

from typing import NamedTuple

from keras import ops

from keras_attention.ops.masking import Tensor


class Memory(NamedTuple):
    """The encoder's outputs, to which the decoder attends, and tensors computed from them.

    Attributes:
        values: the encoder's outputs `[B, S, M]`.
        keys: the projected outputs `[B, S, U]` that queries are scored against.
        mask: `[B, S]`, True where the source token is real.
        copies: the source as target ids `[B, S]` if the model copies; otherwise `()`.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor
    copies: Tensor | tuple[()] = ()

    def take(self, rows: Tensor) -> "Memory":
        """Return the memory of the sources at the indices `rows` `[R]`."""
        parts = self[:3] if isinstance(self.copies, tuple) else self
        return Memory(*(ops.take(part, rows, axis=0) for part in parts))
