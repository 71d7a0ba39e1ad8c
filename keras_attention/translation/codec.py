"""The codec of a model: it converts texts to ids and back, in Python and in every export."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.alignment.links import Links, link_words
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, OptionError, check_texts
from keras_attention.files.schema import (
    JsonFile,
    Keys,
    declared,
    dictionary_of,
    flag,
    list_of,
    optional,
    text,
)
from keras_attention.special_tokens import END, END_ID, PAD_ID, SPECIAL_TOKENS, UNKNOWN, UNKNOWN_ID
from keras_attention.text.normalization import FORMS
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizers import TOKENIZERS, Tokenizer
from keras_attention.text.unicode_version import UNICODE
from keras_attention.translation.file_names import SETTINGS_FILE
from keras_attention.translation.result import Hypothesis, Translation, is_hypothesis

SIDES = ("source", "target")
CODEC_FILES = (
    SETTINGS_FILE,
    *dict.fromkeys(f"{side}.{kind.file}" for kind in TOKENIZERS.values() for side in SIDES),
)
"""All files that a codec may have; its tokenizers and a joint vocabulary decide which exist."""

FORMAT = 1
"""Version of the files' format; a reader rejects every other version."""

_FIRST = ("max_source_length", "max_length", "beam_width", "length_penalty")
"""The search settings that every file has, because the first version already wrote them."""

_DEFAULTS = {
    "source_normalization": "nfc",
    "target_normalization": "nfc",
    "source_lowercase": False,
    "target_lowercase": False,
    "source_strip": False,
    "target_strip": False,
    "joint_vocabulary": False,
    **{known.key: known.default for known in SearchSettings.settings() if known.key not in _FIRST},
}
"""The values of settings that an older file lacks."""

_SEARCH_KEYS: Keys = {
    known.key: declared(known) if known.key in _FIRST else optional(declared(known))
    for known in SearchSettings.settings()
}
"""The fields of `SearchSettings` in a file."""

_SETTINGS = JsonFile(
    "the settings that `train` writes",
    {
        "source_tokenizer": text(TOKENIZERS),
        "target_tokenizer": text(TOKENIZERS),
        "source_normalization": optional(text(FORMS)),
        "target_normalization": optional(text(FORMS)),
        **{f"{side}_{name}": optional(flag()) for side in SIDES for name in ("lowercase", "strip")},
        "unicode": optional(text()),
        "joint_vocabulary": optional(flag()),
        "source_features": optional(dictionary_of(list_of(text()))),
        **_SEARCH_KEYS,
    },
    FORMAT,
)


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
        return Translation(text, source_tokens, tuple(hypotheses))

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
        return (
            self._without_unknown(hypothesis, source_tokens)
            if self.settings.replace_unknown
            else hypothesis
        )

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
        settings: dict[str, Any] = {"format": FORMAT, "unicode": UNICODE}
        files: dict[str, bytes] = {}
        for side, tokenizer in zip(SIDES, (self.source, self.target), strict=True):
            settings[f"{side}_tokenizer"] = tokenizer.name
            settings[f"{side}_normalization"] = tokenizer.normalizer.form
            settings[f"{side}_lowercase"] = tokenizer.normalizer.lowercase
            settings[f"{side}_strip"] = tokenizer.normalizer.strip
            if side == "source" or not self.joint_vocabulary:
                files[f"{side}.{tokenizer.file}"] = tokenizer.to_bytes()
        settings |= {"joint_vocabulary": self.joint_vocabulary, **asdict(self.settings)}
        if self.source.features:  # left out otherwise, so that older versions can read the file
            settings["source_features"] = self.source.features.to_json()
        return {SETTINGS_FILE: (json.dumps(settings, indent=2) + "\n").encode(), **files}

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings of this codec, and a digest of each of its other files."""
        files = self.to_files()
        settings = json.loads(files.pop(SETTINGS_FILE))
        digests = {
            name: hashlib.sha256(file_bytes).hexdigest() for name, file_bytes in files.items()
        }
        return {SETTINGS_FILE: settings, **digests}

    def changed_file(self, fingerprint: Any) -> str:
        """Return the name of a file that differs from a fingerprint, or "" if no file differs.

        The fingerprint may come from an older version of this library.
        """
        own = self.fingerprint()
        if not isinstance(fingerprint, dict) or not isinstance(
            fingerprint.get(SETTINGS_FILE), dict
        ):
            return ""
        expected = {**fingerprint}
        expected[SETTINGS_FILE] = {**_DEFAULTS, **fingerprint[SETTINGS_FILE]}
        # Compare the settings last: another kind of tokenizer changes both the settings and other
        # files, and the names of the other files are more useful in an error.
        names = sorted({*own, *expected}, key=lambda name: (name == SETTINGS_FILE, name))
        return next((name for name in names if own.get(name) != expected.get(name)), "")

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], where: str) -> "TextCodec":
        """Make a codec from the result of `to_files`.

        Raises:
            InputError: if a file is missing, damaged or of a newer format.
        """

        def find(name: str) -> bytes:
            if name not in files:
                raise InputError(
                    f"{where}: expected a model that keras-attention trained. Received: {name} is "
                    "missing."
                )
            return files[name]

        settings = _read_settings(find(SETTINGS_FILE), f"{where}/{SETTINGS_FILE}")
        joint = settings.pop("joint_vocabulary")
        features = {"source": _features(settings.pop("source_features", {}), where)}

        def read(side: str) -> Tokenizer:
            kind = TOKENIZERS[settings.pop(f"{side}_tokenizer")]
            name = f"{'source' if joint else side}.{kind.file}"
            return kind.from_bytes(
                find(name),
                where=f"{where}/{name}",
                normalization=settings.pop(f"{side}_normalization"),
                lowercase=settings.pop(f"{side}_lowercase"),
                strip=settings.pop(f"{side}_strip"),
                features=features.get(side),
            )

        source, target = map(read, SIDES)
        try:
            return cls(source, target, SearchSettings(**settings))
        except ValueError as error:
            raise InputError(
                f"{where}/{SETTINGS_FILE}: damaged, expected valid search settings: {error}"
            ) from None


def _features(values: Mapping[str, list[str]], where: str) -> SourceFeatures:
    try:
        return SourceFeatures(values)
    except InputError as error:
        raise InputError(f"{where}/{SETTINGS_FILE}: damaged, {error}") from None


def _read_settings(file_bytes: bytes, where: str) -> dict[str, Any]:
    """Return the settings in a file, with defaults for missing ones.

    An unknown key is an error, because it might change the model's outputs.
    """
    settings = _SETTINGS.parse(file_bytes, where)
    damaged = f"{where}: damaged, expected {_SETTINGS.name}"
    if unknown := settings.keys() - {"format", *_SETTINGS.keys}:
        raise InputError(f"{damaged} without unknown keys. Received: `{min(unknown)}`.")
    if (unicode := settings.pop("unicode", UNICODE)) != UNICODE:
        raise InputError(
            f"{where}: expected text normalized with Unicode {UNICODE}, the only version that "
            f"keras-attention supports. Received: {unicode}."
        )
    settings = {**_DEFAULTS, **settings}
    del settings["format"]
    names = [settings[f"{side}_tokenizer"] for side in SIDES]
    if settings["joint_vocabulary"] and len(set(names)) > 1:
        raise InputError(
            f"{damaged} with equal tokenizers because `joint_vocabulary` is true. "
            f"Received: {names[0]} and {names[1]}."
        )
    return settings


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
