"""Subwords: the pieces of a sentencepiece model, in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from types import ModuleType
from typing import Any

from keras_attention.errors import InputError
from keras_attention.special_tokens import END_ID, SPECIAL_TOKENS
from keras_attention.text.normalization import WHITE_SPACE, normalize
from keras_attention.text.piece_model import PieceModel
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.vocabulary import Vocabulary

SPACE = "▁"
"""How a piece writes the space before a word, U+2581."""

SPACES = f"[{WHITE_SPACE}{SPACE}]+"
"""A regular expression of what reads as one space.

White space is ours, not sentencepiece's, because its twin in TensorFlow Text takes other
characters for white space, and an U+2581 of the text itself for a letter at a text's end.
"""

_SPACES = re.compile(SPACES)
_SURROGATE = re.compile("[\ud800-\udfff]")


class SubwordTokenizer(Tokenizer):
    """Frequent pieces of words a token each, as a sentencepiece model cuts them.

    White space of any kind and length reads as one space, and none at the ends. Characters that
    the model never saw are `<unk>`, a run of them one token. `learn_subwords` makes models.

    Args:
        model: A sentencepiece model, unigram or BPE, of which the ids 0 to 3 are `<pad>`, `<s>`,
            `</s>` and `<unk>`, without normalization of its own.
        normalization: The normal form: "nfc", "nfd" or "nfkc"; see `Normalizer`.
        lowercase: Whether text is lower-cased.
        strip: Whether white space at both ends of a text is removed; see `Normalizer`.

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
    ) -> None:
        """Read the model; its pieces are the vocabulary."""
        self.model = model
        self._processor, vocabulary = _read(model)
        super().__init__(vocabulary, normalization=normalization, lowercase=lowercase, strip=strip)

    @property
    def model_type(self) -> str:
        """How the model cuts, "unigram" or "bpe"."""
        # BPE scores its pieces by rank, 0, -1, -2 ...; unigram by log-probability.
        size, first = len(self.vocabulary), len(SPECIAL_TOKENS)
        scores = [self._processor.get_score(id_) for id_ in range(first, size)]
        return "bpe" if scores == [-rank for rank in range(size - first)] else "unigram"

    def cut(self, text: str) -> list[str]:
        """Return the pieces of a normalized text; their joined text is the text."""
        pieces: list[str] = self._processor.encode(even_spaces(text), out_type=str)
        return pieces

    def number_words(self, tokens: Sequence[str]) -> Sequence[int | None]:
        """Return the word that each piece is part of; see `Tokenizer.number_words`."""
        begins = (bool(place) and token.startswith(SPACE) for place, token in enumerate(tokens))
        return list(accumulate(begins, initial=0))[1:]

    def encode_with_dropout(
        self, texts: Iterable[str], dropout: float, seed: int
    ) -> list[list[int]]:
        """Return the ids of texts whose words are cut into smaller pieces here and there.

        Training on other pieces of the same words every epoch teaches what pieces are made of
        (BPE-dropout, Provilkov et al. 2020, https://arxiv.org/abs/1910.13267).

        Args:
            texts: What to cut.
            dropout: Probability that a merge is left out, from 0 (as `encode`) to 1 (characters).
            seed: Equal seeds cut equally.

        Returns:
            The ids of each text, closed by that of `</s>`.

        Raises:
            ValueError: If the dropout is out of range, or the model has no merges.
        """
        if self.model_type != "bpe":
            raise ValueError(f"Dropping merges needs a BPE model. Received: {self.model_type!r}.")

        if not 0 <= dropout <= 1:
            raise ValueError(f"`dropout` must be in [0, 1]. Received: dropout={dropout}.")

        # sentencepiece 0.2.3 draws other merges in every process, whatever its seed.
        draw = random.Random(seed).random

        def encode(text: str) -> list[int]:
            even = even_spaces(self.normalize(text))
            pieces = self._own_model.encode(even, drop=lambda: draw() < dropout)
            return [*self.vocabulary.encode(pieces), END_ID]

        return [encode(text) for text in texts]

    @cached_property
    def _own_model(self) -> PieceModel:
        return PieceModel(self.model)

    def join(self, tokens: Iterable[str]) -> str:
        """Return the text of the pieces, in normal form C and without a space at its start."""
        return normalize("".join(tokens).replace(SPACE, " ").lstrip(" "), "nfc")

    def to_bytes(self) -> bytes:
        """Return the sentencepiece model."""
        return self.model

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str = "model", **settings: Any) -> Tokenizer:
        """Read what `to_bytes` returned; see `Tokenizer.from_bytes`."""
        try:
            return cls(content, **settings)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def even_spaces(text: str) -> str:
    """Return a text that has single spaces alone, none at its ends, and no lone surrogate."""
    return _SPACES.sub(" ", _SURROGATE.sub("\ufffd", text)).strip(" ")


def import_sentencepiece() -> ModuleType:
    """Return the package, which learns subwords and draws them at random.

    Raises:
        InputError: If it is missing.
    """
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "subwords need the package sentencepiece: pip install sentencepiece."
        ) from None
    return sentencepiece


def _read(model: bytes) -> tuple[Any, Vocabulary]:
    """A model's processor and its pieces."""
    try:
        if not model:
            raise ValueError
        processor = _processor(model)
        pieces = [processor.id_to_piece(id_) for id_ in range(processor.get_piece_size())]
    except Exception:  # whatever the damage causes
        raise InputError("damaged, or no sentencepiece model.") from None
    if problem := _problem(processor, pieces):
        raise InputError(f"expected a model that `learn_subwords` made. Received: one {problem}.")
    return processor, Vocabulary(pieces[len(SPECIAL_TOKENS) :])


def _processor(model: bytes) -> Any:
    """The package's, or where it is missing, as on devices, one that cuts the same more slowly."""
    try:
        import sentencepiece
    except ImportError:
        return PieceModel(model)
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def _problem(processor: Any, pieces: list[str]) -> str:
    """What makes a model of someone else's unusable; empty if it is one of ours."""
    special, ordinary = tuple(pieces[: len(SPECIAL_TOKENS)]), pieces[len(SPECIAL_TOKENS) :]
    if special != SPECIAL_TOKENS:
        return f"that begins with {', '.join(special)}"
    if any(map(processor.is_byte, range(len(pieces)))):
        return "with pieces of single bytes"
    if processor.normalize("ﬁ a") != f"{SPACE}ﬁ{SPACE}a":
        return "with a normalization of its own"
    # A character is unknown where, and only where, it is no piece: the graph's twin builds on it.
    missing = {SPACE, *"".join(ordinary)} - set(ordinary)
    return f"without a piece for {min(missing)!r} alone" if missing else ""
