"""Learns a recipe's tokenizers from the training pairs."""

from __future__ import annotations

from collections.abc import Sequence

from keras_attention.errors import InputError
from keras_attention.text.normalization import Normalizer
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import SubwordTokenizer, Tokenizer, make_tokenizer
from keras_attention.text.vocabulary import Vocabulary

from ..data.pairs import Pair
from ..recipe.sections import TextConfig

DEFAULT_SUBWORDS = 8000


def learn_tokenizers(
    text: TextConfig, pairs: Sequence[Pair], *, seed: int = 1
) -> tuple[Tokenizer, Tokenizer]:
    """Learns the tokenizers of sources and of targets.

    Args:
        text: what the recipe says of them.
        pairs: the training pairs.
        seed: the recipe's; see `learn_subwords`.

    Returns:
        Both tokenizers; they share a vocabulary where the recipe says so.

    Raises:
        InputError: if the text does not give as many subwords as the recipe says.
    """
    forms = text.source_normalization, text.target_normalization
    sources, targets = (
        [normalizer(pair[side]) for pair in pairs]
        for side, normalizer in enumerate(
            Normalizer(form, text.lowercase, text.strip) for form in forms
        )
    )
    if text.joint_vocabulary:
        learned = (_learn("source", text, [*sources, *targets], seed),) * 2
    else:
        learned = _learn("source", text, sources, seed), _learn("target", text, targets, seed)
    names = text.source_tokenizer, text.target_tokenizer
    source, target = (
        make_tokenizer(name, what, normalization=form, lowercase=text.lowercase, strip=text.strip)
        for name, what, form in zip(names, learned, forms, strict=True)
    )
    return source, target


def _learn(side: str, text: TextConfig, sentences: list[str], seed: int) -> Vocabulary | bytes:
    """What `make_tokenizer` needs, from one side's normalized sentences."""
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
        meant = "" if size else f" text.{key}=0, the default, means {DEFAULT_SUBWORDS}."
        raise InputError(f"`text.{key}`: {error}{meant}") from None
