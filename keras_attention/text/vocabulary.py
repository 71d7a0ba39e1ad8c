"""The vocabulary, a list of tokens in which the position of a token is its id."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.text_files import read_text
from keras_attention.special_tokens import (
    SPECIAL_TOKENS,
    UNKNOWN_ID,
)


class Vocabulary:
    r"""A list of tokens with their ids; the ids 0 to 3 are `<pad>`, `<s>`, `</s>` and `<unk>`.

    A text cannot contain a special token: `encode` maps the word `<s>` in a text to `<unk>`. A
    saved vocabulary is a text file with one token on each line.

    Args:
        tokens: The tokens from id 4 on, without the special ones. A token must not be empty, occur
            twice, or contain a line feed or a lone surrogate, which UTF-8 cannot encode.

    Raises:
        ValueError: If a token is invalid.

    Example:
        >>> vocabulary = Vocabulary.build([list("banana"), list("bread")])
        >>> vocabulary.tokens
        ('<pad>', '<s>', '</s>', '<unk>', 'a', 'b', 'n', 'd', 'e', 'r')
        >>> vocabulary.encode("bad!")
        [5, 4, 7, 3]
        >>> Vocabulary.from_text(vocabulary.to_text()) == vocabulary
        True
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        """Check the tokens and assign their ids."""
        self.tokens: tuple[str, ...] = (*SPECIAL_TOKENS, *tokens)
        first = len(SPECIAL_TOKENS)
        for index, problem in _problems(self.tokens[first:]):
            raise ValueError(
                f"A token of `tokens` must not {problem}. Received: {self.tokens[first + index]!r}."
            )
        self._ids = {token: id_ for id_, token in enumerate(self.tokens) if id_ >= first}

    def __len__(self) -> int:
        """Return the number of tokens, special ones included."""
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        """Return whether the token has an id; special tokens have one."""
        return token in self._ids or token in SPECIAL_TOKENS

    def __eq__(self, other: object) -> bool:
        """Return whether the other vocabulary has the same tokens with the same ids."""
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        """Return the same hash for equal vocabularies."""
        return hash(self.tokens)

    def __repr__(self) -> str:
        """Return the size only, since there may be thousands of tokens."""
        return f"<Vocabulary of {len(self)} tokens>"

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        max_size: int | None = None,
        min_count: int = 1,
    ) -> Vocabulary:
        """Build a vocabulary of the most frequent tokens.

        More frequent tokens have lower ids; tokens with equal counts are in code point order. A
        token that a vocabulary cannot contain (a line feed, the word `<s>`) is left out, so it
        becomes `<unk>`.

        Args:
            sentences: A list of tokens for each sentence, such as `list(text)` for a
                `CharacterTokenizer` or `text.split()` for a `WordTokenizer`.
            max_size: Largest number of tokens, at least 1, not counting the special ones; None for
                no limit.
            min_count: Least number of occurrences of a token.

        Raises:
            ValueError: If `max_size` is below 1.
            TypeError: If a sentence is a string, which Python would read as its characters.
        """
        if max_size is not None and max_size < 1:
            raise ValueError(
                f"`max_size` must be None or at least 1. Received: max_size={max_size}."
            )
        counts = Counter(
            token for sentence in map(_checked_tokens, sentences) for token in sentence
        )
        kept = (token for token in counts if counts[token] >= min_count and not _problem(token))
        return cls(sorted(kept, key=lambda token: (-counts[token], token))[:max_size])

    @classmethod
    def from_text(cls, text: str, *, name: str = "vocabulary") -> Vocabulary:
        """Make a vocabulary from the result of `to_text`.

        Args:
            text: One token on each line, the four special ones first.
            name: The text's name in errors, such as the path of its file.

        Raises:
            InputError: If a token is invalid or a special token is missing.
        """
        # A carriage return is a valid token, so only line feeds separate lines.
        lines = text.removesuffix("\n").split("\n")
        for number, special in enumerate(SPECIAL_TOKENS, start=1):
            found = repr(lines[number - 1]) if number <= len(lines) else "the end of the file"
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
            path: The UTF-8 text file, with one token on each line, the four special ones first.

        Raises:
            InputError: If the file cannot be read, or a token is invalid.
        """
        return cls.from_text(read_text(path), name=os.fspath(path))

    def to_text(self) -> str:
        """Return a text with one token on each line, in the order of their ids."""
        return "".join(f"{token}\n" for token in self.tokens)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary file atomically.

        Args:
            path: The UTF-8 text file to write.

        Raises:
            InputError: If the file cannot be written.
        """
        write_file(path, self.to_text().encode())

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token; unknown and special tokens get the id of `<unk>`."""
        return [self._ids.get(token, UNKNOWN_ID) for token in tokens]

    def unknown_tokens(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that `encode` maps to `<unk>`, each once, in their order.

        Example:
            >>> Vocabulary("ab").unknown_tokens("cabcd")
            ['c', 'd']
        """
        return [token for token in dict.fromkeys(tokens) if token not in self._ids]

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


def _checked_tokens(sentence: Sequence[str]) -> Sequence[str]:
    if isinstance(sentence, str):
        raise TypeError(
            "Each item of `sentences` must be a list of tokens; use list(text) for characters or "
            f"text.split() for words. Received: the string {sentence!r:.60}."
        )
    return sentence


def _problem(token: str) -> str:
    """Return which rule a token breaks, as a verb phrase after "must not"; "" if it is valid."""
    if not token:
        return "be empty"
    if token in SPECIAL_TOKENS:
        return "be a special token"
    if "\n" in token:
        return "contain a line feed"
    if any("\ud800" <= character <= "\udfff" for character in token):
        return "contain a lone surrogate"
    return ""


def _problems(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of each invalid token, and which rule it breaks."""
    earlier: set[str] = set()
    for index, token in enumerate(tokens):
        problem = "occur twice" if token in earlier else _problem(token)
        if problem:
            yield index, problem
        earlier.add(token)
