"""Text to ids and back, the same in Python, in every export and on the device."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.text.tokenizers import TOKENIZERS, Tokenizer, make_tokenizer
from keras_attention.translation import Hypothesis, Translation
from keras_attention.vocabulary import END_ID, PAD_ID, Vocabulary

SETTINGS_FILE = "translator.json"
SOURCE_VOCABULARY_FILE = "source.vocabulary.txt"
TARGET_VOCABULARY_FILE = "target.vocabulary.txt"
CODEC_FILES = (SETTINGS_FILE, SOURCE_VOCABULARY_FILE, TARGET_VOCABULARY_FILE)

FORMAT = 1
"""Version of the files' layout; a reader refuses a newer one."""


@dataclass(frozen=True)
class SearchSettings:
    """How a model searches unless it is told otherwise.

    Attributes:
        max_source_length: source tokens that an export with fixed shapes takes, `</s>` included.
        max_length: target tokens at most, `</s>` included.
        beam_width: hypotheses a source; 1 is greedy search.
        length_penalty: exponent of beam search's length penalty.
    """

    max_source_length: int
    max_length: int
    beam_width: int = 1
    length_penalty: float = 0.0


class TextCodec:
    """The two tokenizers of a model, and its search settings.

    Args:
        source: tokenizer of what comes in.
        target: tokenizer of what goes out.
        settings: how the model searches.
    """

    def __init__(self, source: Tokenizer, target: Tokenizer, settings: SearchSettings) -> None:
        self.source = source
        self.target = target
        self.settings = settings

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Source ids `[B, S]` of `texts`, closed by `</s>` and padded with 0."""
        return pad([self.source.encode(text) for text in texts])

    def translations(
        self, texts: Sequence[str], tokens: Any, scores: Any, alignments: Any
    ) -> list[Translation]:
        """Puts a search's arrays into words.

        Args:
            texts: the `B` sources.
            tokens: target ids `[B, K, T]`.
            scores: log-probabilities `[B, K]`; hypotheses below -5e8 do not exist and are left out.
            alignments: weights `[B, K, T, S]`.

        Returns:
            One `Translation` a source.
        """
        return [
            self._translation(text, *row)
            for text, *row in zip(texts, tokens, scores, alignments, strict=True)
        ]

    def _translation(self, text: str, tokens: Any, scores: Any, alignments: Any) -> Translation:
        source_tokens = tuple(self.source.tokens(text))
        hypotheses = [
            self._hypothesis(ids, float(score), alignment[:, : len(source_tokens)])
            for ids, score, alignment in zip(tokens, scores, alignments, strict=True)
            if score > -5e8
        ]
        return Translation(text, source_tokens, tuple(hypotheses))

    def _hypothesis(self, ids: Any, score: float, alignment: Any) -> Hypothesis:
        kept = until_end([int(index) for index in ids])
        tokens = tuple(self.target.vocabulary.decode(kept))
        return Hypothesis(self.target.decode(kept), score, tokens, np.array(alignment[: len(kept)]))

    def to_files(self) -> dict[str, str]:
        """The codec as file names and their texts, for `from_files`."""
        settings = {
            "format": FORMAT,
            "source_tokenizer": self.source.name,
            "target_tokenizer": self.target.name,
            **asdict(self.settings),
        }
        return {
            SETTINGS_FILE: json.dumps(settings, indent=2) + "\n",
            SOURCE_VOCABULARY_FILE: self.source.vocabulary.to_text(),
            TARGET_VOCABULARY_FILE: self.target.vocabulary.to_text(),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, str], where: str) -> "TextCodec":
        """The codec that `to_files` wrote.

        Args:
            files: the files' texts by name.
            where: the folder or archive they came from, for error messages.

        Raises:
            InputError: if a file is missing, damaged or of a newer format.
        """
        missing = [name for name in CODEC_FILES if name not in files]
        if missing:
            raise InputError(
                f"{where}: not a trained model of keras-attention, {missing[0]} is missing."
            )
        settings = _read_settings(files[SETTINGS_FILE], f"{where}/{SETTINGS_FILE}")

        def tokenizer(side: str, name: str) -> Tokenizer:
            vocabulary = Vocabulary.from_text(files[name], name=f"{where}/{name}")
            return make_tokenizer(settings.pop(f"{side}_tokenizer"), vocabulary)

        source = tokenizer("source", SOURCE_VOCABULARY_FILE)
        target = tokenizer("target", TARGET_VOCABULARY_FILE)
        return cls(source, target, SearchSettings(**settings))


def _read_settings(text: str, where: str) -> dict[str, Any]:
    """The settings as a dictionary of the right keys, or an InputError."""
    damaged = InputError(f"{where}: damaged, expected the settings that `train` writes.")
    try:
        settings = json.loads(text)
        version = settings.pop("format")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise damaged from None
    if version != FORMAT:
        raise InputError(
            f"{where}: format {version!r} is not known to this version, which reads {FORMAT}."
        )
    if not _sound(settings):
        raise damaged
    return settings  # type: ignore[no-any-return]


def _sound(settings: dict[str, Any]) -> bool:
    names = ("source_tokenizer", "target_tokenizer")
    counts = ("max_source_length", "max_length", "beam_width")
    return (
        set(settings) == {*names, *counts, "length_penalty"}
        and all(settings[name] in list(TOKENIZERS) for name in names)
        and all(type(settings[name]) is int and settings[name] >= 1 for name in counts)
        and type(settings["length_penalty"]) in (int, float)
        and 0 <= settings["length_penalty"] < math.inf
    )


def until_end(ids: Sequence[int]) -> list[int]:
    """`ids` up to and with the end token, without padding."""
    kept = []
    for index in ids:
        if index == PAD_ID:
            continue
        kept.append(index)
        if index == END_ID:
            break
    return kept


def pad(sequences: Sequence[Sequence[int]]) -> npt.NDArray[np.int32]:
    """Id sequences as one matrix `[B, S]`, padded on the right with 0."""
    width = max((len(sequence) for sequence in sequences), default=0)
    padded = np.full((len(sequences), width), PAD_ID, "int32")
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded
