"""A recipe's tokenizers, learned from the training pairs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from itertools import chain

import numpy as np

from keras_attention.errors import InputError, TextError
from keras_attention.text.normalization import Normalizer
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import SubwordTokenizer, Tokenizer, make_tokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import SIDES

from ..data.data_store import remembered
from ..data.pairs import Pair
from ..data.stored_pairs import StoredPairs
from ..recipe.data_config import DataConfig
from ..recipe.languages import feature_names
from ..recipe.text_config import TextConfig

DEFAULT_SUBWORDS = 8000

LEARNING_SAMPLE = 500_000
"""Largest number of pairs to learn tokenizers from, if the pairs are in a file."""


def learn_tokenizers(
    text: TextConfig,
    pairs: Sequence[Pair],
    *,
    seed: int = 1,
    features: SourceFeatures | None = None,
    known: Mapping[str, Tokenizer] | None = None,
) -> tuple[Tokenizer, Tokenizer]:
    """Learn the tokenizers of sources and targets.

    Args:
        text: the recipe's `[text]` section.
        pairs: the training pairs. If they are in a file, the tokenizers are learned from a sample
            of at most `LEARNING_SAMPLE` pairs.
        seed: the recipe's seed, for the sample and for `learn_subwords`.
        features: the features that every source carries.
        known: tokenizers by side, "source" or "target", that need not be learned.

    Returns:
        The source and the target tokenizer. With `joint_vocabulary` they share one vocabulary.
    """
    known, features = known or {}, features or SourceFeatures()
    used = cache(lambda: sample_pairs(pairs, seed))  # not drawn if nothing is learned from it

    def sentences(side: str) -> Iterator[str]:
        place, form = SIDES.index(side), getattr(text, f"{side}_normalization")
        normalize = Normalizer(form, text.lowercase, text.strip)
        text_of = features.text_of if side == "source" else str
        return (normalize(text_of(pair[place])) for pair in used())

    @cache
    def learn(side: str) -> Vocabulary | bytes:
        together = chain.from_iterable(map(sentences, SIDES))
        texts = together if text.joint_vocabulary else sentences(side)
        return _learn_once(side, text, texts, pairs, seed=seed, features=features)

    def make(side: str) -> Tokenizer:
        return make_tokenizer(
            getattr(text, f"{side}_tokenizer"),
            learn("source" if text.joint_vocabulary else side),
            normalization=getattr(text, f"{side}_normalization"),
            lowercase=text.lowercase,
            strip=text.strip,
            features=features if side == "source" else None,
        )

    source, target = (known[side] if side in known else make(side) for side in SIDES)
    return source, target


def learn_features(data: DataConfig, pairs: Sequence[Pair]) -> SourceFeatures:
    """Collect the values of the recipe's source features in the training pairs."""
    names = feature_names(data.source_features)
    if not names:
        return SourceFeatures()

    def learn() -> str:
        try:
            return json.dumps(
                SourceFeatures.learn(names, (source for source, _ in pairs)).to_json()
            )
        except TextError as error:
            raise TextError(error.problem, error.position, "training pair") from None

    origin = {"names": ", ".join(names)}
    return SourceFeatures(json.loads(remembered(pairs, "features", origin, learn)))


def sample_pairs(pairs: Sequence[Pair], seed: int) -> Sequence[Pair]:
    """Return a sample of the pairs, in their order, if they are in a file; otherwise all pairs."""
    if not isinstance(pairs, StoredPairs) or len(pairs) <= LEARNING_SAMPLE:
        return pairs
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:LEARNING_SAMPLE]
    return pairs.take(np.sort(drawn))


def _learn_once(
    side: str,
    text: TextConfig,
    sentences: Iterable[str],
    pairs: Sequence[Pair],
    *,
    seed: int,
    features: SourceFeatures,
) -> Vocabulary | bytes:
    """Learn from the sentences of one side, unless the store of the pairs has the result."""
    is_subword = getattr(text, f"{side}_tokenizer") == SubwordTokenizer.name
    origin = {key: repr(value) for key, value in text.values()}
    origin |= {"seed": str(seed), "sample": str(LEARNING_SAMPLE)}
    origin["features"] = ", ".join(features.to_json())
    if is_subword:
        origin["sentencepiece"] = metadata.version("sentencepiece")

    def learn() -> str:
        learned = _learn(side, text, sentences, seed)
        if isinstance(learned, Vocabulary):
            return learned.to_text()
        return base64.b64encode(learned).decode()

    found = remembered(pairs, f"{side}_tokenizer", origin, learn)
    return base64.b64decode(found) if is_subword else Vocabulary.from_text(found)


def _learn(side: str, text: TextConfig, sentences: Iterable[str], seed: int) -> Vocabulary | bytes:
    """Learn a vocabulary or a subword model from the normalized sentences of one side."""
    name, key = getattr(text, f"{side}_tokenizer"), f"{side}_vocabulary_size"
    size = getattr(text, key)
    if name != SubwordTokenizer.name:
        tokens = map(make_tokenizer(name, Vocabulary([])).cut, sentences)
        return Vocabulary.build(tokens, max_size=size or None, min_count=text.min_count)
    try:
        return learn_subwords(
            sentences,
            size or DEFAULT_SUBWORDS,
            model_type=text.subword_type,
            min_count=text.min_count,
            seed=seed,
        )
    except InputError as error:
        note = "" if size else f" text.{key}=0, the default, means {DEFAULT_SUBWORDS}."
        raise InputError(f"`text.{key}`: {error}{note}") from None
