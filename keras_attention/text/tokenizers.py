"""Tokenizers in plain Python; `graph_tokenizer` holds the same ones as TensorFlow operations."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from keras_attention.errors import InputError
from keras_attention.vocabulary import END, END_ID, PAD_ID, START_ID, Vocabulary

WHITE_SPACE = "\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space as the inside of a regular expression's brackets.

`str.split` and TensorFlow's operations each cut at other characters, so neither is asked.
"""

_WORD = re.compile(f"[^{WHITE_SPACE}]+")


class Tokenizer(ABC):
    """Text to ids and back over one vocabulary.

    A subclass says how text is cut and what stands between two tokens; the text is always brought
    to Unicode's normal form C (https://www.unicode.org/reports/tr15/) first, so that equal-looking
    texts give equal ids.

    Args:
        vocabulary: Gives each token its id.

    Example:
        >>> tokenizer = make_tokenizer("word", Vocabulary(["to", "be", "or", "not"]))
        >>> tokenizer.tokens("to be, or")
        ['to', 'be,', 'or', '</s>']
        >>> tokenizer.encode("to be, or")
        [4, 3, 6, 2]
        >>> tokenizer.decode([4, 3, 6, 2, 0, 0])
        'to <unk> or'
    """

    name: ClassVar[str]
    separator: ClassVar[str]

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Keeps the vocabulary, which may be shared."""
        self.vocabulary = vocabulary

    @staticmethod
    def normalize(text: str) -> str:
        """Returns the text in normal form C."""
        return unicodedata.normalize("NFC", text)

    @staticmethod
    @abstractmethod
    def split(text: str) -> list[str]:
        """Normalizes a text and returns its tokens, none of them special."""

    @classmethod
    def join(cls, tokens: Iterable[str]) -> str:
        """Returns the text of the tokens."""
        return cls.separator.join(tokens)

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, closed by that of `</s>`: the empty text has one id."""
        return [*self.vocabulary.encode(self.split(text)), END_ID]

    def tokens(self, text: str) -> list[str]:
        """Returns what `encode` gives ids to, unknown tokens as they stand in the text."""
        return [*self.split(text), END]

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of the ids before the first `</s>`; unknown tokens read `<unk>`.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        kept: list[int] = []
        for id_ in ids:
            if id_ == END_ID:
                break
            if id_ not in (PAD_ID, START_ID):
                kept.append(id_)
        return self.join(self.vocabulary.decode(kept))


class CharacterTokenizer(Tokenizer):
    """One Unicode code point a token, white space included.

    Args:
        vocabulary: Gives each character its id.

    Example:
        >>> tokenizer = CharacterTokenizer(Vocabulary("abc"))
        >>> tokenizer.encode("cab")
        [6, 4, 5, 2]
    """

    name = "character"
    separator = ""

    @staticmethod
    def split(text: str) -> list[str]:
        """Normalizes a text and returns its code points."""
        return list(Tokenizer.normalize(text))


class WordTokenizer(Tokenizer):
    """One run of characters between white space a token; `join` puts one space between two.

    Args:
        vocabulary: Gives each word its id.

    Example:
        >>> tokenizer = WordTokenizer(Vocabulary(["two", "words"]))
        >>> tokenizer.decode(tokenizer.encode("  two   words "))
        'two words'
    """

    name = "word"
    separator = " "

    @staticmethod
    def split(text: str) -> list[str]:
        """Normalizes a text and returns its words."""
        return _WORD.findall(Tokenizer.normalize(text))


TOKENIZERS: dict[str, type[Tokenizer]] = {
    tokenizer.name: tokenizer for tokenizer in (CharacterTokenizer, WordTokenizer)
}


def make_tokenizer(name: str, vocabulary: Vocabulary) -> Tokenizer:
    """Returns the tokenizer of a name.

    Args:
        name: One of `TOKENIZERS`: "character" or "word".
        vocabulary: Gives each token its id.

    Raises:
        InputError: If there is no tokenizer of that name.
    """
    if name not in TOKENIZERS:
        raise InputError(
            f"A tokenizer must be one of {', '.join(map(repr, TOKENIZERS))}. Received: {name!r}."
        )
    return TOKENIZERS[name](vocabulary)
