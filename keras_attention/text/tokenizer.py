"""The base class of all tokenizers; its subclasses are in `tokenizers` and `subword_tokenizer`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, ClassVar

from keras_attention.errors import InputError
from keras_attention.files.text_files import decode_text
from keras_attention.special_tokens import END, END_ID, PAD_ID, START_ID
from keras_attention.text.normalization import Normalizer, normalize
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.vocabulary import Vocabulary


class Tokenizer(ABC):
    """A converter between texts and ids with one vocabulary.

    A subclass defines how normalized text is split into tokens and how tokens are joined. Text is
    always normalized first, so that texts that look equal have equal ids. Decoded text is always
    in normal form C, so decomposed letters are composed again.

    Args:
        vocabulary: The ids of the tokens.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space and invisible characters at both ends of a text are removed.
            Off by default, as in older models, which lack the option; recipes turn it on.
        features: The features that every text carries. Default: none. Their tags are not part of
            the text's tokens, and their ids come before those of the tokens.

    Raises:
        InputError: If the normal form is unknown.

    Example:
        >>> from keras_attention.text import WordTokenizer
        >>> tokenizer = WordTokenizer(Vocabulary(["to", "be", "or", "not"]), lowercase=True)
        >>> tokenizer.tokens("To be, or")
        ['to', 'be,', 'or', '</s>']
        >>> tokenizer.encode("To be, or")
        [4, 3, 6, 2]
        >>> tokenizer.decode([4, 3, 6, 2, 0, 0])
        'to <unk> or'
    """

    name: ClassVar[str]
    separator: ClassVar[str]
    file: ClassVar[str] = "vocabulary.txt"
    """The last part of the name of the file that `to_bytes` is stored in."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        normalization: str = "nfc",
        lowercase: bool = False,
        strip: bool = False,
        features: SourceFeatures | None = None,
    ) -> None:
        """Store the vocabulary, which tokenizers may share."""
        self.vocabulary = vocabulary
        self.features = features or SourceFeatures()
        self.normalizer = Normalizer(normalization, lowercase, strip)

    def normalize(self, text: str) -> str:
        """Normalize a text with the tokenizer's `Normalizer`."""
        return self.normalizer(text)

    @abstractmethod
    def cut(self, text: str) -> list[str]:
        """Return the tokens of a normalized text, without special tokens."""

    def number_words(self, tokens: Sequence[str]) -> Sequence[int | None]:
        """Return the number of the word that contains each token, from 0; `None` for white space.

        Words are separated by white space in the joined text. Each token is a word, unless a
        subclass overrides this.

        Args:
            tokens: Tokens from `split` or from a search, without `</s>`.
        """
        return list(range(len(tokens)))

    def positions(self, text: str, *, words: bool = False) -> Sequence[int | None]:
        """Return the position of each token of a text in a Pharaoh file.

        Such a file counts words between spaces and tabs, as fast_align does. Other white space,
        such as U+00A0, does not end a word there, so one word of the file may be several words of
        the tokenizer.

        Args:
            text: The text.
            words: Whether the file counts words instead of tokens. Word tokenizers always count
                words.

        Returns:
            A position for each token of `split`, from 0; `None` for white space.

        Raises:
            InputError: If the number of words changes when the parts between spaces and tabs are
                tokenized separately.

        Example:
            >>> from keras_attention.text import WordTokenizer
            >>> WordTokenizer(Vocabulary([])).positions("10\u00a0000 mots")
            [0, 0, 1]
        """
        tokens = self.split(text)
        if not words:
            return range(len(tokens))
        numbers = self.number_words(tokens)
        if text.isascii() and text.isprintable():
            return numbers
        parts = filter(None, re.split("[ \t]+", self.features.text_of(text)))
        sizes = [self._count_words(self.cut(self.normalize(part))) for part in parts]
        places = [place for place, size in enumerate(sizes) for _ in range(size)]
        if len(places) != self._count_words(tokens):
            raise InputError(
                "expected a text whose words are the same if its parts between spaces and tabs "
                f"are tokenized separately. Received: {text!r}."
            )
        return [None if number is None else places[number] for number in numbers]

    def _count_words(self, tokens: Sequence[str]) -> int:
        return len(set(self.number_words(tokens)) - {None})

    def split(self, text: str) -> list[str]:
        """Normalize a text and return its tokens, without special tokens."""
        return self.cut(self.normalize(self.features.text_of(text)))

    def with_features(self, features: SourceFeatures) -> Tokenizer:
        """Return this tokenizer for texts that carry other features."""
        changed = copy(self)
        changed.features = features
        return changed

    def join(self, tokens: Iterable[str]) -> str:
        """Join tokens to a text in normal form C."""
        return normalize(self.separator.join(tokens), "nfc")

    def written_form(self, text: str) -> str:
        """Return the text as `decode` would write it if the vocabulary contained all its tokens.

        Unknown tokens keep their text.

        Example:
            >>> from keras_attention.text import WordTokenizer
            >>> WordTokenizer(Vocabulary(["the"]), lowercase=True).written_form("The  Cat ")
            'the cat'
        """
        return self.join(self.split(text))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, followed by the id of `</s>`, even for an empty text.

        The ids of the text's features, if there are any, come first.

        Raises:
            TextError: If the text lacks a feature, or has an unknown value for it.
        """
        tokens = self.vocabulary.encode(self.split(text))
        return [*self.features.encode(text), *tokens, END_ID]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens that `encode` maps to ids; unknown tokens keep their text."""
        return [*self.split(text), END]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids before the first `</s>`; unknown tokens become `<unk>`.

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

    def to_bytes(self) -> bytes:
        """Return the content of the tokenizer's file: the vocabulary or the learned model."""
        return self.vocabulary.to_text().encode()

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str = "vocabulary", **settings: Any) -> Tokenizer:
        """Make a tokenizer from the result of `to_bytes`.

        Args:
            content: The file's content.
            where: The file's name in errors.
            **settings: The arguments `normalization`, `lowercase`, `strip` and `features` of the
                class.

        Raises:
            InputError: If the content is damaged or a setting is invalid.
        """
        text = decode_text(content, where)
        return cls(Vocabulary.from_text(text, name=where), **settings)
