"""The limit on the length of a text, with the same rule and message in every runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from keras_attention.errors import TextError, check_positive, encode_text
from keras_attention.text.tokenizer import Tokenizer

MAX_TOKENS = 1024
"""Default for the largest number of tokens of a text, `</s>` included."""

UNLIMITED = sys.maxsize
"""A limit that no text exceeds."""

_BYTES_A_TOKEN = 16


def default_limit(max_source_length: int) -> int:
    """Return a model's default limit: `MAX_TOKENS`, or `max_source_length` if that is more."""
    return max(MAX_TOKENS, max_source_length)


@dataclass(frozen=True)
class TextLimit:
    """The largest length of a text, in tokens and in bytes; bytes are checked before tokenization.

    Args:
        tokens: largest number of tokens, `</s>` included; a positive integer.

    Raises:
        ValueError: if the number is out of its range.

    Example:
        >>> limit = TextLimit(1024)
        >>> limit.bytes, limit.expected_tokens
        (16384, 'expected at most 1024 tokens including </s>.')
    """

    tokens: int = MAX_TOKENS

    def __post_init__(self) -> None:
        """Check the limit."""
        check_positive(max_tokens=self.tokens)

    @property
    def bytes(self) -> int:
        """Largest number of UTF-8 bytes: 16 for each token, and at least 16,384."""
        return _BYTES_A_TOKEN * max(self.tokens, MAX_TOKENS)

    @property
    def expected_tokens(self) -> str:
        """The beginning of the error about a text with too many tokens."""
        return f"expected at most {self.tokens} tokens including </s>."

    @property
    def expected_bytes(self) -> str:
        """The beginning of the error about a text with too many bytes."""
        return f"expected at most {self.bytes} bytes."

    def encode(self, text: str, tokenizer: Tokenizer) -> list[int]:
        """Return the ids of a text.

        Raises:
            TextError: if it is too long, not a string or not valid Unicode. The error's position is
                0.
        """
        size = len(encode_text(text))
        if size > self.bytes:
            raise TextError(f"{self.expected_bytes} Received: {size}.")
        ids = tokenizer.encode(text)
        if len(ids) > self.tokens:
            raise TextError(f"{self.expected_tokens} Received: {len(ids)}.")
        return ids

    def encode_until_refused(
        self, texts: Iterable[str], tokenizer: Tokenizer
    ) -> tuple[list[list[int]], TextError | None]:
        """Return the ids of the texts before the first invalid one, and the error about it."""
        encoded: list[list[int]] = []
        for position, text in enumerate(texts):
            try:
                encoded.append(self.encode(text, tokenizer))
            except TextError as error:
                return encoded, error.at(position)
        return encoded, None

    def fits(self, text: str, tokenizer: Tokenizer) -> bool:
        """Return whether a text is short enough."""
        try:
            self.encode(text, tokenizer)
        except TextError:
            return False
        return True
