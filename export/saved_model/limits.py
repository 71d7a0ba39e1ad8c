"""What one request of a server may hold."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from keras_attention.decoding.top_tokens import WIDEST
from keras_attention.errors import InputError
from keras_attention.text.text_limit import MAX_TOKENS, TextLimit


@dataclass(frozen=True)
class Limits:
    """What one request may hold; a server that takes anything can be brought down by anyone.

    At the limits the largest tensors are the alignments, `batch * beam_width * T * tokens` floats
    with `T` the model's `max_length`, a few copies of them; and for scores the logits, `batch *
    tokens * V`.

    Attributes:
        batch: texts, or pairs or rows of ids; positive.
        tokens: tokens of a text, `</s>` included; positive.
        beam_width: hypotheses of a text, 1 to `WIDEST`.

    Raises:
        InputError: if one is out of its range.
    """

    batch: int = 64
    tokens: int = MAX_TOKENS
    beam_width: int = 16

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for field in fields(self):
            value, most = getattr(self, field.name), WIDEST if field.name == "beam_width" else None
            if value < 1 or (most and value > most):
                expected = f"from 1 to {most}" if most else "positive"
                raise InputError(f"`{field.name}` must be {expected}. Received: {value}.")

    @property
    def text(self) -> TextLimit:
        """The limit of one text."""
        return TextLimit(self.tokens)

    def with_beams_of(self, width: int) -> Limits:
        """The same, but that the model's own `width` is taken too."""
        return replace(self, beam_width=max(self.beam_width, width))
