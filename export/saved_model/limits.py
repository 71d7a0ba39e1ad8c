"""The limits on the size of one request to a server."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from keras_attention.decoding.top_tokens import WIDEST
from keras_attention.errors import InputError
from keras_attention.text.text_limit import MAX_TOKENS, TextLimit


@dataclass(frozen=True)
class Limits:
    """The limits on the size of one request, which protect a server from running out of memory.

    At the limits the largest tensors are the alignments: a few copies of `batch * beam_width * T *
    tokens` floats, where `T` is the model's `max_length`. For the signature `score` they are the
    logits: `batch * tokens * V` floats.

    Attributes:
        batch: largest number of texts, pairs or rows of ids; positive.
        tokens: largest number of tokens of a text, `</s>` included; positive.
        beam_width: largest number of hypotheses of a text, from 1 to `WIDEST`.

    Raises:
        InputError: if a limit is out of its range.
    """

    batch: int = 64
    tokens: int = MAX_TOKENS
    beam_width: int = 16

    def __post_init__(self) -> None:
        """Check the range of each limit."""
        for field in fields(self):
            value, most = getattr(self, field.name), WIDEST if field.name == "beam_width" else None
            if value < 1 or (most and value > most):
                expected = f"from 1 to {most}" if most else "positive"
                raise InputError(f"`{field.name}` must be {expected}. Received: {value}.")

    @property
    def text(self) -> TextLimit:
        """The limit on the length of one text."""
        return TextLimit(self.tokens)

    def with_beams_of(self, width: int) -> Limits:
        """Return the same limits, but with a beam width of at least `width`."""
        return replace(self, beam_width=max(self.beam_width, width))
