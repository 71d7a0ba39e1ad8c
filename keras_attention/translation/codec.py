"""The codec of a model: it converts texts to ids and back, in Python and in every export."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.alignment.links import Links, link_words
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import OptionError, check_texts
from keras_attention.files.artefacts import read_artefact
from keras_attention.special_tokens import END, END_ID, PAD_ID, SPECIAL_TOKENS, UNKNOWN, UNKNOWN_ID
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.codec_files import CODEC_FILES, make_files, read_files
from keras_attention.translation.codec_files import SIDES as SIDES
from keras_attention.translation.result import Hypothesis, Translation, is_hypothesis


class TextCodec:
    """The two tokenizers of a model, and its search settings.

    Args:
        source: tokenizer of the sources.
        target: tokenizer of the targets.
        settings: settings of the model's search and of its output.
    """

    def __init__(self, source: Tokenizer, target: Tokenizer, settings: SearchSettings) -> None:
        self.source = source
        self.target = target
        self.settings = settings

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return the source ids `[B, S]` of texts.

        Each row begins with the ids of its source features, if the model has any, ends with the id
        of `</s>` and is padded with 0.

        Raises:
            TypeError: if `texts` is not an iterable of strings.
        """
        check_texts(texts)
        return pad([self.source.encode(text) for text in texts])

    def reference_form(self, text: str) -> str:
        """Return a reference in the form of the model's outputs, to compare it with outputs.

        The reference gets the normal form, the case and the white space of outputs. Unknown tokens
        keep their text, so that an output with `<unk>` does not count as correct.

        Example:
            >>> from keras_attention import Vocabulary, WordTokenizer
            >>> from keras_attention.decoding.search_settings import SearchSettings
            >>> words = WordTokenizer(Vocabulary(["dos"]), lowercase=True)
            >>> TextCodec(words, words, SearchSettings(9, 9)).reference_form("Dos  Siete ")
            'dos siete'
        """
        return self.target.written_form(text)

    def copied_ids(self) -> list[int]:
        """Return the target id of each source token, or the id of `<unk>` if it has none."""
        special = len(SPECIAL_TOKENS)
        tokens = self.source.vocabulary.tokens[special:]
        return [*range(special), *self.target.vocabulary.encode(tokens)]

    def encode_prefix(self, text: str) -> list[int]:
        """Return the target ids of the beginning of an output.

        Raises:
            OptionError: if it is not a string, or has a token that the target vocabulary lacks.
        """
        if not isinstance(text, str):
            raise OptionError("prefix", "must be a string", prefix=repr(text))
        tokens = self.target.cut(self.target.normalizer.normalize_beginning(text))
        ids = self.target.vocabulary.encode(tokens)
        if UNKNOWN_ID in ids:
            unknown = tokens[ids.index(UNKNOWN_ID)]
            rule = "must consist of tokens of the target vocabulary"
            raise OptionError("prefix", rule, prefix=f"{text!r} with the unknown token {unknown!r}")
        return ids

    def translations(
        self,
        texts: Sequence[str],
        tokens: Any,
        scores: Any,
        alignments: Any,
        *,
        prefix: Sequence[int] = (),
    ) -> list[Translation]:
        """Convert the arrays of a search to translations.

        A text without tokens, such as an empty text, always has a single output, whatever the model
        returns: only the prefix, with a score of 0.

        Args:
            texts: the `B` sources.
            tokens: target ids `[B, K, T]`.
            scores: log-probabilities `[B, K]`. A score below -5e8 means that there is no
                hypothesis. Entries with such a score, or a score that is not finite, are left out.
            alignments: weights `[B, K, T, S]`.
            prefix: target ids that every hypothesis begins with.
        """
        return [
            self._translation(text, *row, prefix=prefix)
            for text, *row in zip(texts, tokens, scores, alignments, strict=True)
        ]

    def _translation(
        self, text: str, tokens: Any, scores: Any, alignments: Any, *, prefix: Sequence[int]
    ) -> Translation:
        source_tokens = tuple(self.source.tokens(text))
        if len(source_tokens) == 1:
            prefix_only = [*prefix, END_ID][: len(tokens[0])]
            tokens, scores, alignments = [prefix_only], [0.0], alignments[:1]
        hypotheses = [
            self.hypothesis(ids, float(score), alignment, source_tokens)
            for ids, score, alignment in zip(tokens, scores, alignments, strict=True)
            if is_hypothesis(score)
        ]
        unknown = self.source.vocabulary.unknown_tokens(source_tokens[:-1])  # all but </s>
        return Translation(text, source_tokens, tuple(hypotheses), tuple(unknown))

    def hypothesis(
        self, ids: Any, score: float, alignment: Any, source_tokens: Sequence[str]
    ) -> Hypothesis:
        """Convert the arrays of one output to a hypothesis.

        Source tokens replace `<unk>` if `settings.replace_unknown` is set.

        Args:
            ids: target ids `[T]`; those after the first `</s>` are ignored.
            score: the log-probability.
            alignment: weights `[T, S]`, where `S` may exceed the number of source tokens.
            source_tokens: the tokens of the source, `</s>` included.

        Returns:
            The hypothesis, with weights `[tokens, source tokens]`.
        """
        kept = until_end([int(index) for index in ids])
        tokens = tuple(self.target.vocabulary.decode(kept))
        weights = np.array(alignment[: len(kept), : len(source_tokens)])
        hypothesis = Hypothesis(self.target.decode(kept), score, tokens, weights)
        if self.settings.replace_unknown:
            return self._without_unknown(hypothesis, source_tokens)
        return hypothesis

    def replace_unknown(self, translation: Translation) -> Translation:
        """Replace each `<unk>` by the source token with the largest weight.

        This is for word models: a name or a number that the vocabulary lacks is copied (Jean et al.
        2015, https://arxiv.org/abs/1412.2007). `<unk>` stays if its weights are all 0. If
        `settings.replace_unknown` is set, `translations` has already done this.

        Args:
            translation: a translation by this codec's model.

        Returns:
            The translation with new texts and tokens; scores and alignments do not change.
        """
        tokens = translation.source_tokens
        changed = [self._without_unknown(found, tokens) for found in translation.hypotheses]
        return replace(translation, hypotheses=tuple(changed))

    def _without_unknown(self, hypothesis: Hypothesis, source_tokens: Sequence[str]) -> Hypothesis:
        words = source_tokens[:-1]  # all but </s>
        if UNKNOWN not in hypothesis.tokens or not words:
            return hypothesis
        weights = hypothesis.alignment[:, : len(words)]
        tokens = tuple(
            words[row.argmax()] if token == UNKNOWN and row.any() else token
            for token, row in zip(hypothesis.tokens, weights, strict=True)
        )
        ended = hypothesis.tokens[-1] == END
        text = self.target.join(tokens[:-1] if ended else tokens)
        return replace(hypothesis, text=text, tokens=tokens)

    def word_links(
        self, links: Links, source_tokens: Sequence[str], target_tokens: Sequence[str]
    ) -> Links:
        """Return links between words; two words are linked if any of their tokens are.

        Args:
            links: links between tokens.
            source_tokens: tokens of the source, with or without `</s>`.
            target_tokens: tokens of the target, with or without `</s>`.
        """
        return link_words(
            links,
            self.source.number_words(source_tokens),
            self.target.number_words(target_tokens),
        )

    @property
    def joint_vocabulary(self) -> bool:
        """Whether both tokenizers have the same vocabulary, so that equal ids are equal tokens."""
        sides = self.source, self.target
        return len({(tokenizer.name, tokenizer.to_bytes()) for tokenizer in sides}) == 1

    def differs_in(self, other: "TextCodec") -> str:
        """Return the first side, "source" or "target", whose tokenizer differs; "" if none does."""
        for side in SIDES:
            tokenizers = getattr(self, side), getattr(other, side)
            first, second = (
                (each.name, each.to_bytes(), each.normalizer, each.features) for each in tokenizers
            )
            if first != second:
                return side
        return ""

    def to_files(self) -> dict[str, bytes]:
        """Return the contents of the codec's files by name, for `from_files`.

        A joint vocabulary or model is stored only once, in the source's file.
        """
        return make_files(self.source, self.target, self.settings, joint=self.joint_vocabulary)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], where: str) -> "TextCodec":
        """Make a codec from the result of `to_files`.

        Raises:
            InputError: if a file is missing, damaged or of a newer format.
        """
        return cls(*read_files(files, where))

    @classmethod
    def from_folder(cls, folder: Path) -> "TextCodec":
        """Make a codec from the files of `to_files` in a folder.

        Raises:
            InputError: if a file is missing, damaged or of a newer format.
        """
        paths = (folder / name for name in CODEC_FILES)
        files = {path.name: read_artefact(path) for path in paths if path.exists()}
        return cls.from_files(files, str(folder))


def until_end(ids: Sequence[int]) -> list[int]:
    """Return the ids up to the end token, which is included, without padding."""
    kept = []
    for index in ids:
        if index == PAD_ID:
            continue
        kept.append(index)
        if index == END_ID:
            break
    return kept


def pad(sequences: Sequence[Sequence[int]]) -> npt.NDArray[np.int32]:
    """Return sequences of ids as one matrix `[B, S]`, padded on the right with 0."""
    width = max((len(sequence) for sequence in sequences), default=0)
    padded = np.full((len(sequences), width), PAD_ID, "int32")
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded
