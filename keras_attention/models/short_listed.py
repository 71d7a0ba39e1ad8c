"""A model that chooses among some of its target tokens."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq import Seq2Seq


class ShortListedMemory(NamedTuple):
    """What the steps of one search share.

    Attributes:
        whole: the model's own memory.
        table: kernel `[D, N]` and bias `[N]` of the output projection of the tokens allowed.
    """

    whole: Memory
    table: tuple[Tensor, Tensor]

    @property
    def mask(self) -> Tensor:
        """`[B, S]`, True where the source token is real."""
        return self.whole.mask

    def take(self, rows: Tensor) -> "ShortListedMemory":
        """That of some of the sources, of the indices `rows` `[R]`."""
        return self._replace(whole=self.whole.take(rows))


class ShortListed:
    """A `Seq2Seq` for search, whose target ids are places among the tokens that are allowed.

    Args:
        model: the model.
        allowed: ids of the target tokens `[N]`, those of the special tokens first.
    """

    def __init__(self, model: Seq2Seq, allowed: Tensor) -> None:
        self.model = model
        self.allowed = allowed

    @property
    def longest(self) -> int | None:
        """How many steps a search may take; `None` for any number."""
        return self.model.longest

    def encode(self, source: Tensor) -> tuple[ShortListedMemory, Any]:
        """Reads source ids `[B, S]`, as `Seq2Seq.encode`; gathers the output projection once."""
        memory, state = self.model.encode(source)
        return ShortListedMemory(memory, self.model.output_table(self.allowed)), state

    def step(
        self, tokens: Tensor, state: Any, memory: ShortListedMemory
    ) -> tuple[Tensor, Any, Tensor]:
        """One step of search, as `Seq2Seq.step`: places `[B]` in, logits `[B, N]` out.

        Of `K` hypotheses a source, rows are `B * K`.
        """
        ids = ops.take(self.allowed, tokens)
        return self.model.step(ids, state, memory.whole, table=memory.table)
