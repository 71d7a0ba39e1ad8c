"""Tokenizers in plain Python; `graph` contains the same tokenizers as TensorFlow operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from keras_attention.errors import InputError
from keras_attention.text.normalization import WHITE_SPACE
from keras_attention.text.subword_tokenizer import SubwordTokenizer
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.vocabulary import Vocabulary

__all__ = [
    "TOKENIZERS",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "make_tokenizer",
]

_WORD = re.compile(f"[^{WHITE_SPACE}]+")


class CharacterTokenizer(Tokenizer):
    """A tokenizer whose tokens are Unicode code points, white space included.

    Args:
        vocabulary: Maps each character to its id.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space at both ends of a text is removed; see `Normalizer`.
        features: The features that every text carries; see `Tokenizer`.

    Example:
        >>> tokenizer = CharacterTokenizer(Vocabulary("abc"))
        >>> tokenizer.encode("cab")
        [6, 4, 5, 2]
        >>> letters = CharacterTokenizer(Vocabulary(""), normalization="nfd").split("한")
        >>> [f"{ord(letter):X}" for letter in letters]
        ['1112', '1161', '11AB']
    """

    name = "character"
    separator = ""

    def cut(self, text: str) -> list[str]:
        """Return the code points of a normalized text."""
        return list(text)

    def number_words(self, tokens: Sequence[str]) -> Sequence[int | None]:
        """Return the number of each character's word; see `Tokenizer.number_words`."""
        inside = [_WORD.fullmatch(token) is not None for token in tokens]
        begins = (now and not before for before, now in pairwise([False, *inside]))
        numbers = accumulate(begins, initial=-1)
        next(numbers)
        return [number if now else None for number, now in zip(numbers, inside, strict=True)]


class WordTokenizer(Tokenizer):
    """A tokenizer that splits texts at white space; `join` puts one space between words.

    Args:
        vocabulary: Maps each word to its id.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space at both ends of a text is removed; see `Normalizer`.
        features: The features that every text carries; see `Tokenizer`.

    Example:
        >>> tokenizer = WordTokenizer(Vocabulary(["two", "words"]))
        >>> tokenizer.decode(tokenizer.encode("  two   words "))
        'two words'
    """

    name = "word"
    separator = " "

    def cut(self, text: str) -> list[str]:
        """Return the words of a normalized text."""
        return _WORD.findall(text)

    def positions(self, text: str, *, words: bool = True) -> Sequence[int | None]:
        """Return the position of each word in a Pharaoh file; see `Tokenizer.positions`."""
        return super().positions(text, words=True)


TOKENIZERS: dict[str, type[Tokenizer]] = {
    tokenizer.name: tokenizer for tokenizer in (CharacterTokenizer, WordTokenizer, SubwordTokenizer)
}


def make_tokenizer(name: str, learned: Vocabulary | bytes, **settings: Any) -> Tokenizer:
    """Make a tokenizer of the named kind.

    Args:
        name: One of `TOKENIZERS`: "character", "word" or "subword".
        learned: The vocabulary, or for "subword" the bytes that `learn_subwords` returned.
        **settings: The settings of a `Tokenizer`, such as `normalization`.

    Raises:
        InputError: If the name of the tokenizer or of the normal form is unknown.
    """
    if name not in TOKENIZERS:
        raise InputError(
            f"the tokenizer must be one of {', '.join(map(repr, TOKENIZERS))}. Received: {name!r}."
        )
    kind: Callable[..., Tokenizer] = TOKENIZERS[name]
    return kind(learned, **settings)
