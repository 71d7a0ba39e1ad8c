"""What every tokenizer is; each kind is in a module of its own or in `tokenizers`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from keras_attention.errors import InputError
from keras_attention.files.text_files import decode_text
from keras_attention.special_tokens import END, END_ID, PAD_ID, START_ID
from keras_attention.text.normalization import Normalizer, normalize
from keras_attention.text.vocabulary import Vocabulary


class Tokenizer(ABC):
    """Text to ids and back over one vocabulary.

    A subclass says how normalized text is cut and how tokens are joined. Text is always normalized
    first, so that equal-looking texts give equal ids; what is decoded is always in normal form C,
    whatever form the tokens have: letters that were taken apart are whole again.

    Args:
        vocabulary: Gives each token its id.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space and invisible characters at both ends of a text are removed.
            Off by default, as in models from before there was a choice; recipes turn it on.

    Raises:
        InputError: If there is no such normal form.

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
    """The last part of the name of the file that holds what `to_bytes` returns."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        normalization: str = "nfc",
        lowercase: bool = False,
        strip: bool = False,
    ) -> None:
        """Keep the vocabulary, which may be shared."""
        self.vocabulary = vocabulary
        self.normalizer = Normalizer(normalization, lowercase, strip)

    def normalize(self, text: str) -> str:
        """Return the text normalized by the tokenizer's `Normalizer`."""
        return self.normalizer(text)

    @abstractmethod
    def cut(self, text: str) -> list[str]:
        """Return the tokens of a normalized text, none of them special."""

    def number_words(self, tokens: Sequence[str]) -> Sequence[int | None]:
        """Return the word that each token is part of, counted from 0; `None` for white space.

        A word is what stands between white space in the tokens' text. Each token is one, unless a
        subclass says otherwise.

        Args:
            tokens: As `split` returns them, or as a search wrote them, without `</s>`.
        """
        return list(range(len(tokens)))

    def positions(self, text: str, *, words: bool = False) -> Sequence[int | None]:
        """Return the position that each token of a text has in a Pharaoh file.

        Such a file counts the words between spaces and tabs, as fast_align does. Other white space,
        such as U+00A0, does not end a word there, so that one of its words may be several of ours.

        Args:
            text: What is cut into tokens.
            words: Whether the file counts words, which a word tokenizer's always does, or tokens.

        Returns:
            A position for each token of `split`, counted from 0; `None` for white space.

        Raises:
            InputError: If its parts between spaces, cut alone, have another number of words.

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
        parts = filter(None, re.split("[ \t]+", text))
        sizes = [self._count_words(self.split(part)) for part in parts]
        places = [place for place, size in enumerate(sizes) for _ in range(size)]
        if len(places) != self._count_words(tokens):
            raise InputError(
                f"expected a text whose words can be counted between spaces. Received: {text!r}."
            )
        return [None if number is None else places[number] for number in numbers]

    def _count_words(self, tokens: Sequence[str]) -> int:
        return len(set(self.number_words(tokens)) - {None})

    def split(self, text: str) -> list[str]:
        """Normalize a text and returns its tokens, none of them special."""
        return self.cut(self.normalize(text))

    def join(self, tokens: Iterable[str]) -> str:
        """Return the text of the tokens, in normal form C."""
        return normalize(self.separator.join(tokens), "nfc")

    def written_form(self, text: str) -> str:
        """Return the text as `decode` would write it if the vocabulary held all of its tokens.

        Tokens that the vocabulary lacks stay as they stand in the text.

        Example:
            >>> from keras_attention.text import WordTokenizer
            >>> WordTokenizer(Vocabulary(["the"]), lowercase=True).written_form("The  Cat ")
            'the cat'
        """
        return self.join(self.split(text))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, closed by that of `</s>`: the empty text has one id."""
        return [*self.vocabulary.encode(self.split(text)), END_ID]

    def tokens(self, text: str) -> list[str]:
        """Return what `encode` gives ids to, unknown tokens as they stand in the text."""
        return [*self.split(text), END]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids before the first `</s>`; unknown tokens read `<unk>`.

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
        """Return what was learned, as a file keeps it."""
        return self.vocabulary.to_text().encode()

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str = "vocabulary", **settings: Any) -> Tokenizer:
        """Read what `to_bytes` returned.

        Args:
            content: The file's content.
            where: What an error calls it.
            **settings: `normalization`, `lowercase` and `strip`, as the class takes them.

        Raises:
            InputError: If the content is damaged or the settings cannot be used.
        """
        text = decode_text(content, where)
        return cls(Vocabulary.from_text(text, name=where), **settings)
