"""The section `[text]` of a recipe: tokenizers and normal forms."""

from __future__ import annotations

from dataclasses import dataclass

from keras_attention.errors import InputError
from keras_attention.settings.setting import setting
from keras_attention.text.normalization import FORMS
from keras_attention.text.subword_learning import MODEL_TYPES
from keras_attention.text.tokenizers import TOKENIZERS

from .settings import Section


@dataclass(frozen=True)
class TextConfig(Section):
    """The normalization of text and its tokenizers."""

    section = "text"
    source_tokenizer: str = setting(
        "character", "unit that sources are split into", choices=tuple(TOKENIZERS)
    )
    target_tokenizer: str = setting(
        "character", "unit that targets are split into", choices=tuple(TOKENIZERS)
    )
    source_vocabulary_size: int = setting(
        0,
        "largest number of source tokens to keep, without special tokens (0 = no limit); subwords: "
        "exact number, including special tokens (0 = 8000)",
        minimum=0,
    )
    target_vocabulary_size: int = setting(
        0,
        "largest number of target tokens to keep, without special tokens (0 = no limit); subwords: "
        "exact number, including special tokens (0 = 8000)",
        minimum=0,
    )
    min_count: int = setting(
        1, "tokens (subwords: characters) that occur less often are unknown", minimum=1
    )
    source_normalization: str = setting("nfc", "Unicode normal form of sources", choices=FORMS)
    target_normalization: str = setting(
        "nfc", "Unicode normal form of targets; outputs are always nfc", choices=FORMS
    )
    lowercase: bool = setting(False, "lower-case sources and targets")
    strip: bool = setting(
        True, "remove white space and invisible characters at both ends of a source or target"
    )
    subword_type: str = setting("unigram", "algorithm that learns subwords", choices=MODEL_TYPES)
    joint_vocabulary: bool = setting(
        False, "learn one vocabulary of source_vocabulary_size from sources and targets"
    )
    source_subword_dropout: float = setting(
        0.0,
        "share of BPE merges to skip at random in training sources, drawn again each epoch",
        minimum=0,
        below=1,
    )
    target_subword_dropout: float = setting(
        0.0,
        "share of BPE merges to skip at random in training targets, drawn again each epoch",
        minimum=0,
        below=1,
    )

    def check_together(self) -> None:
        """Check the rules that combine several values."""
        self._check_joint_vocabulary()
        self._check_subword_dropout()

    def _check_joint_vocabulary(self) -> None:
        for name, unset in {"tokenizer": "", "vocabulary_size": 0}.items():
            source, target = getattr(self, f"source_{name}"), getattr(self, f"target_{name}")
            if self.joint_vocabulary and target not in (source, unset):
                raise InputError(
                    f"`text.joint_vocabulary` requires text.target_{name}={source!r}, the same as "
                    f"text.source_{name}. Received: text.target_{name}={target!r}."
                )

    def _check_subword_dropout(self) -> None:
        for side in ("source", "target"):
            tokenizer, dropout = (
                getattr(self, f"{side}_{name}") for name in ("tokenizer", "subword_dropout")
            )
            if dropout and (tokenizer, self.subword_type) != ("subword", "bpe"):
                raise InputError(
                    f"`text.{side}_subword_dropout` requires text.{side}_tokenizer='subword' and "
                    f"text.subword_type='bpe'. Received: {tokenizer!r} and {self.subword_type!r}."
                )
