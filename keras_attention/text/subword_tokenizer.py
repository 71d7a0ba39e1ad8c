"""The subword tokenizer, whose tokens are the pieces of a sentencepiece model."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from types import ModuleType
from typing import Any

from keras_attention.errors import InputError
from keras_attention.special_tokens import END_ID, SPECIAL_TOKENS
from keras_attention.text.normalization import WHITE_SPACE, normalize
from keras_attention.text.piece_model import PieceModel, append_pieces
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.vocabulary import Vocabulary

SPACE = "▁"
"""The character that stands for a space in a piece, U+2581."""

SPACES = f"[{WHITE_SPACE}{SPACE}]+"
"""A regular expression for runs of characters that count as one space.

We replace white space ourselves, because TensorFlow Text's version of sentencepiece treats other
characters as white space, and U+2581 at the end of a text as a letter.
"""

_SPACES = re.compile(SPACES)
_SURROGATE = re.compile("[\ud800-\udfff]")


class SubwordTokenizer(Tokenizer):
    """A tokenizer whose tokens are pieces of words, as a sentencepiece model splits them.

    Any white space counts as one space, and is removed at both ends. Characters that the model does
    not contain become `<unk>`; several of them in a row become one `<unk>`. To train a model, use
    `learn_subwords`.

    Args:
        model: A sentencepiece model, unigram or BPE, with the ids 0 to 3 for `<pad>`, `<s>`,
            `</s>` and `<unk>`, and without its own normalization.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space at both ends of a text is removed; see `Normalizer`.
        features: The features that every text carries; see `Tokenizer`.

    Raises:
        InputError: If the model cannot be used.

    Example:
        >>> from keras_attention.text import learn_subwords
        >>> model = learn_subwords(["low lower lowest", "new newer newest"], 18)
        >>> tokenizer = SubwordTokenizer(model)
        >>> tokenizer.decode(tokenizer.encode("  newer   low "))
        'newer low'

    Reference: Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226
    """

    name = "subword"
    separator = ""
    file = "subwords.model"

    def __init__(
        self,
        model: bytes,
        *,
        normalization: str = "nfc",
        lowercase: bool = False,
        strip: bool = False,
        features: SourceFeatures | None = None,
    ) -> None:
        """Read the model, whose pieces become the vocabulary."""
        self.model = model
        self._processor, vocabulary = _read(model)
        super().__init__(
            vocabulary,
            normalization=normalization,
            lowercase=lowercase,
            strip=strip,
            features=features,
        )

    @property
    def model_type(self) -> str:
        """The type of the model, "unigram" or "bpe"."""
        # The score of a piece is its rank, 0, -1, -2 ..., in BPE, and a log-probability in unigram.
        size, first = len(self.vocabulary), len(SPECIAL_TOKENS)
        scores = [self._processor.get_score(id_) for id_ in range(first, size)]
        return "bpe" if scores == [-rank for rank in range(size - first)] else "unigram"

    def cut(self, text: str) -> list[str]:
        """Return the pieces of a normalized text, which give the same text when joined."""
        pieces: list[str] = self._processor.encode(even_spaces(text), out_type=str)
        return pieces

    def number_words(self, tokens: Sequence[str]) -> Sequence[int | None]:
        """Return the number of the word that contains each piece; see `Tokenizer.number_words`."""
        begins = (bool(place) and token.startswith(SPACE) for place, token in enumerate(tokens))
        return list(accumulate(begins, initial=0))[1:]

    def encode_with_dropout(
        self, texts: Iterable[str], dropout: float, seed: int
    ) -> list[list[int]]:
        """Return the ids of texts, with some words cut into smaller pieces at random.

        Training on different pieces of the same words in every epoch teaches the model how words
        are composed (BPE-dropout, Provilkov et al. 2020, https://arxiv.org/abs/1910.13267).

        Args:
            texts: The texts.
            dropout: Probability of skipping a merge, from 0 (like `encode`) to 1 (characters).
            seed: Random seed; equal seeds return equal ids.

        Returns:
            The ids of each text, ending with the id of `</s>`.

        Raises:
            ValueError: If the dropout is out of range, or the model is not a BPE model.
        """
        return list(self.stream_with_dropout(texts, dropout, seed))

    def stream_with_dropout(
        self, texts: Iterable[str], dropout: float, seed: int
    ) -> Iterator[list[int]]:
        """Return an iterator over what `encode_with_dropout` returns.

        Raises:
            ValueError: If the dropout is out of range, or the model is not a BPE model.
        """
        if self.model_type != "bpe":
            raise ValueError(f"BPE-dropout requires a BPE model. Received: {self.model_type!r}.")
        if not 0 <= dropout <= 1:
            raise ValueError(f"`dropout` must be in [0, 1]. Received: dropout={dropout}.")

        # sentencepiece 0.2.3 drops different merges in every process, even with the same seed.
        draw = random.Random(seed).random

        def encode(text: str) -> list[int]:
            even = even_spaces(self.normalize(self.features.text_of(text)))
            pieces = self._own_model.encode(even, drop=lambda: draw() < dropout)
            return [*self.features.encode(text), *self.vocabulary.encode(pieces), END_ID]

        return map(encode, texts)

    def with_characters(self, characters: Iterable[str]) -> SubwordTokenizer:
        """Return a tokenizer that also knows other characters, as pieces after the known ones.

        Known pieces keep their ids, and only the new characters of a text get new ids.

        Args:
            characters: Characters that no piece contains. U+0000 is left out, because a
                sentencepiece model cannot contain it.

        Example:
            >>> from keras_attention.text import learn_subwords
            >>> tokenizer = SubwordTokenizer(learn_subwords(["low lower lowest", "newest"], 16))
            >>> tokenizer.with_characters("ß").split("low ß")
            ['▁low', '▁', 'ß']
        """
        first, size = len(SPECIAL_TOKENS), len(self.vocabulary)
        least = min(self._processor.get_score(id_) for id_ in range(first, size))
        # In a BPE model, a score is a rank. In a unigram model, the score of a piece that alone
        # contains its character does not matter, but the scores of unknown characters depend on the
        # lowest score.
        step = 1 if self.model_type == "bpe" else 0
        usable = [character for character in characters if character != "\0"]
        pieces = [(character, least - step * number) for number, character in enumerate(usable, 1)]
        return SubwordTokenizer(
            append_pieces(self.model, pieces),
            normalization=self.normalizer.form,
            lowercase=self.normalizer.lowercase,
            strip=self.normalizer.strip,
            features=self.features,
        )

    def split_piece(self, piece: str) -> list[str]:
        """Return the pieces that spell a piece of another model, such as `▁low` and `er`."""
        return self._own_model.split(piece)

    @cached_property
    def _own_model(self) -> PieceModel:
        return PieceModel(self.model)

    def join(self, tokens: Iterable[str]) -> str:
        """Join pieces to a text in normal form C, without a space at its start."""
        return normalize("".join(tokens).replace(SPACE, " ").lstrip(" "), "nfc")

    def to_bytes(self) -> bytes:
        """Return the sentencepiece model."""
        return self.model

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str = "model", **settings: Any) -> Tokenizer:
        """Make a tokenizer from the result of `to_bytes`; see `Tokenizer.from_bytes`."""
        try:
            return cls(content, **settings)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def even_spaces(text: str) -> str:
    """Replace white space by single spaces, strip the ends, and replace lone surrogates."""
    return _SPACES.sub(" ", _SURROGATE.sub("\ufffd", text)).strip(" ")


def import_sentencepiece() -> ModuleType:
    """Import and return the package sentencepiece, which learns subwords.

    Raises:
        InputError: If it is not installed.
    """
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "learning subwords requires the package sentencepiece: pip install sentencepiece."
        ) from None
    return sentencepiece


def _read(model: bytes) -> tuple[Any, Vocabulary]:
    """Read a model and return its processor and its vocabulary."""
    try:
        if not model:
            raise ValueError
        processor = _processor(model)
        pieces = [processor.id_to_piece(id_) for id_ in range(processor.get_piece_size())]
    except Exception:  # damage can raise any error
        raise InputError("damaged, or not a sentencepiece model.") from None
    if problem := _problem(processor, pieces):
        raise InputError(f"expected a model made by `learn_subwords`. Received: a model {problem}.")
    return processor, Vocabulary(pieces[len(SPECIAL_TOKENS) :])


def _processor(model: bytes) -> Any:
    """Return the package's processor, or our slower one where the package is not installed."""
    try:
        import sentencepiece
    except ImportError:
        return PieceModel(model)
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def _problem(processor: Any, pieces: list[str]) -> str:
    """Return why a model that we did not make cannot be used, or "" if it can."""
    special, ordinary = tuple(pieces[: len(SPECIAL_TOKENS)]), pieces[len(SPECIAL_TOKENS) :]
    if special != SPECIAL_TOKENS:
        return f"that begins with {', '.join(special)}"
    if any(map(processor.is_byte, range(len(pieces)))):
        return "with pieces of single bytes"
    if processor.normalize("ﬁ a") != f"{SPACE}ﬁ{SPACE}a":
        return "with its own normalization"
    # `GraphSubwordTokenizer` relies on this: a character is unknown exactly if it is not a piece.
    missing = {SPACE, *"".join(ordinary)} - set(ordinary)
    return f"without a piece for {min(missing)!r} alone" if missing else ""
