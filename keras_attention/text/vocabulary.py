"""The one list of tokens that every part reads: line number = id."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_text, write_atomically
from keras_attention.special_tokens import (
    SPECIAL_TOKENS,
    UNKNOWN_ID,
)


class Vocabulary:
    r"""Tokens and their ids; the ids 0 to 3 are `<pad>`, `<s>`, `</s>` and `<unk>`.

    The special tokens are out of reach of the text: where a text holds the word `<s>`, `encode`
    returns the id of `<unk>`. A saved vocabulary is a text file of one token a line.

    Args:
        tokens: The tokens from id 4 on, without the special ones. None may be empty, come twice,
            hold a line feed or be impossible to write as UTF-8 (a lone surrogate).

    Raises:
        ValueError: If a token cannot be used.

    Example:
        >>> vocabulary = Vocabulary.build(["banana", "bread"])
        >>> vocabulary.tokens
        ('<pad>', '<s>', '</s>', '<unk>', 'a', 'b', 'n', 'd', 'e', 'r')
        >>> vocabulary.encode("bad!")
        [5, 4, 7, 3]
        >>> Vocabulary.from_text(vocabulary.to_text()) == vocabulary
        True
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        """Numbers the tokens; the class says which ones it takes."""
        self.tokens: tuple[str, ...] = (*SPECIAL_TOKENS, *tokens)
        first = len(SPECIAL_TOKENS)
        for index, problem in _problems(self.tokens[first:]):
            raise ValueError(
                f"A token of `tokens` must not {problem}. Received: {self.tokens[first + index]!r}."
            )
        self._ids = {token: id_ for id_, token in enumerate(self.tokens) if id_ >= first}

    def __len__(self) -> int:
        """The number of tokens, special ones included."""
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        """Whether the token has an id, special ones included."""
        return token in self._ids or token in SPECIAL_TOKENS

    def __eq__(self, other: object) -> bool:
        """Whether the other vocabulary gives every token the same id."""
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        """Equal for equal vocabularies."""
        return hash(self.tokens)

    def __repr__(self) -> str:
        """Its size alone: the tokens may be many thousands."""
        return f"<Vocabulary of {len(self)} tokens>"

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        max_size: int | None = None,
        min_count: int = 1,
    ) -> Vocabulary:
        """Count tokens; the most frequent get the lowest ids, equal counts in code point order.

        A token that cannot be in a vocabulary (a line feed, the word `<s>`) is left out, and so
        reads as `<unk>`.

        Args:
            sentences: Tokens of each sentence.
            max_size: Most tokens to keep beside the special ones, at least 1; None for no limit.
            min_count: Least number of times a token must come to be kept.

        Raises:
            ValueError: If `max_size` is below 1.
        """
        if max_size is not None and max_size < 1:
            raise ValueError(
                f"`max_size` must be None or at least 1. Received: max_size={max_size}."
            )
        counts = Counter(token for sentence in sentences for token in sentence)
        kept = (token for token in counts if counts[token] >= min_count and not _problem(token))
        return cls(sorted(kept, key=lambda token: (-counts[token], token))[:max_size])

    @classmethod
    def from_text(cls, text: str, *, name: str = "vocabulary") -> Vocabulary:
        """Read what `to_text` wrote.

        Args:
            text: One token a line, the four special ones first.
            name: What an error calls the text; `load` gives its file.

        Raises:
            InputError: If a line holds no usable token or the special tokens are missing.
        """
        # A lone carriage return is a token like any other, so lines are cut at line feeds only.
        lines = text.removesuffix("\n").split("\n")
        for number, special in enumerate(SPECIAL_TOKENS, start=1):
            found = repr(lines[number - 1]) if number <= len(lines) else "the end"
            if found != repr(special):
                raise InputError(
                    f"{name}, line {number}: expected the special token {special!r}. "
                    f"Received: {found}."
                )
        tokens = lines[len(SPECIAL_TOKENS) :]
        for index, problem in _problems(tokens):
            number = len(SPECIAL_TOKENS) + 1 + index
            raise InputError(
                f"{name}, line {number}: a token must not {problem}. Received: {tokens[index]!r}."
            )
        return cls(tokens)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read a vocabulary file.

        Args:
            path: The UTF-8 text file: one token a line, the four special ones first.

        Raises:
            InputError: If the file cannot be read, or a line holds no usable token.
        """
        return cls.from_text(read_text(path), name=os.fspath(path))

    def to_text(self) -> str:
        """Return one token a line, in the order of their ids."""
        return "".join(f"{token}\n" for token in self.tokens)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary file, whole or not at all.

        Args:
            path: The UTF-8 text file to write.

        Raises:
            InputError: If the file cannot be written.
        """
        with write_atomically(path) as temporary:
            temporary.write_bytes(self.to_text().encode("utf-8"))

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token, that of `<unk>` for unknown and for special tokens."""
        return [self._ids.get(token, UNKNOWN_ID) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the token of each id.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        ids = list(ids)
        for id_ in ids:
            if not 0 <= id_ < len(self):
                raise ValueError(f"An id must be from 0 to {len(self) - 1}. Received: {id_}.")
        return [self.tokens[id_] for id_ in ids]


def _problem(token: str) -> str:
    """Says what a token must not be or do; empty if it can be used."""
    if not token:
        return "be empty"
    if token in SPECIAL_TOKENS:
        return "be a special token"
    if "\n" in token:
        return "hold a line feed"
    if any("\ud800" <= character <= "\udfff" for character in token):
        return "hold a lone surrogate"
    return ""


def _problems(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of each token that cannot be used, and why."""
    earlier: set[str] = set()
    for index, token in enumerate(tokens):
        problem = "come twice" if token in earlier else _problem(token)
        if problem:
            yield index, problem
        earlier.add(token)
