"""A model restricted to the target tokens of a short list."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq import Seq2Seq


class ShortListedMemory(NamedTuple):
    """The memory of a model with a short list.

    Attributes:
        whole: the memory of the unrestricted model.
        table: kernel `[D, N]` and bias `[N]` of the output projection of the allowed tokens.
    """

    whole: Memory
    table: tuple[Tensor, Tensor]

    @property
    def mask(self) -> Tensor:
        """The mask `[B, S]`, True where the source token is real."""
        return self.whole.mask

    def take(self, rows: Tensor) -> "ShortListedMemory":
        """Return the memory of the sources at the indices `rows` `[R]`."""
        return self._replace(whole=self.whole.take(rows))


class ShortListed:
    """A `Seq2Seq` for search whose target ids are indices into a list of allowed tokens.

    Args:
        model: the unrestricted model.
        allowed: ids of the allowed target tokens `[N]`, special tokens first.
    """

    def __init__(self, model: Seq2Seq, allowed: Tensor) -> None:
        self.model = model
        self.allowed = allowed

    @property
    def longest(self) -> int | None:
        """The largest number of steps of a search, or `None` for no limit."""
        return self.model.longest

    def encode(self, source: Tensor) -> tuple[ShortListedMemory, Any]:
        """Encode source ids `[B, S]`, and gather the output projection of the allowed tokens."""
        memory, state = self.model.encode(source)
        return ShortListedMemory(memory, self.model.output_table(self.allowed)), state

    def step(
        self, tokens: Tensor, state: Any, memory: ShortListedMemory
    ) -> tuple[Tensor, Any, Tensor]:
        """Run one step as `Seq2Seq.step` does, from indices `[B]` to logits `[B, N]`.

        With `K` hypotheses per source, there are `B * K` rows.
        """
        ids = ops.take(self.allowed, tokens)
        return self.model.step(ids, state, memory.whole, table=memory.table)
