"""The tokenizers of a trained model, extended by the tokens of new training pairs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from keras_attention.special_tokens import SPECIAL_TOKENS
from keras_attention.text.subword_tokenizer import SPACE, SubwordTokenizer, even_spaces
from keras_attention.text.tokenizers import Tokenizer, make_tokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import SIDES

from ..data.pairs import Pair
from ..recipe.text_config import TextConfig

_logger = logging.getLogger(__name__)


def extend_tokenizers(
    tokenizers: tuple[Tokenizer, Tokenizer],
    text: TextConfig,
    pairs: Sequence[Pair],
    sides: Collection[str] = SIDES,
) -> tuple[Tokenizer, Tokenizer]:
    """Return the tokenizers with the new tokens of the pairs added; known tokens keep their ids.

    `text.min_count` applies to the new tokens, and the vocabulary sizes to all tokens. To a subword
    tokenizer only single characters are added, as many as there are, because longer pieces would
    split known words differently.

    Args:
        tokenizers: the source and the target tokenizer of a trained model.
        text: the recipe's `[text]` section.
        pairs: the new training pairs, or a sample of them if they are in a file.
        sides: the sides to extend, "source" and "target"; the other tokenizers do not change.

    Returns:
        The source and the target tokenizer. With `joint_vocabulary` they still share a vocabulary.
    """
    texts = [
        [tokenizer.normalize(tokenizer.features.text_of(pair[side])) for pair in pairs]
        for side, tokenizer in enumerate(tokenizers)
    ]
    if text.joint_vocabulary:
        texts = [[*texts[0], *texts[1]]] * 2
    limits = text.source_vocabulary_size, text.target_vocabulary_size
    if text.joint_vocabulary:
        limits = (limits[0],) * 2
    source, target = (
        _extend(tokenizer, side, sentences, limit, text.min_count) if side in sides else tokenizer
        for tokenizer, side, sentences, limit in zip(tokenizers, SIDES, texts, limits, strict=True)
    )
    return source, target


def _extend(
    tokenizer: Tokenizer, side: str, sentences: Iterable[str], limit: int, min_count: int
) -> Tokenizer:
    if isinstance(tokenizer, SubwordTokenizer):
        return _extend_subwords(tokenizer, side, sentences, min_count)
    learned = Vocabulary.build(map(tokenizer.cut, sentences), min_count=min_count)
    known = tokenizer.vocabulary.tokens[len(SPECIAL_TOKENS) :]
    new = [token for token in learned.tokens if token not in tokenizer.vocabulary]
    added = new[: max(0, limit - len(known))] if limit else new
    _logger.info("%s vocabulary: %d tokens of the model, %d new", side, len(known), len(added))
    if len(added) < len(new):
        _logger.warning(
            "%s vocabulary: %d new tokens stay unknown, because text.%s_vocabulary_size=%d counts "
            "the tokens of the model too.",
            *(side, len(new) - len(added), side, limit),
        )
    normalizer = tokenizer.normalizer
    return make_tokenizer(
        tokenizer.name,
        Vocabulary([*known, *added]),
        normalization=normalizer.form,
        lowercase=normalizer.lowercase,
        strip=normalizer.strip,
        features=tokenizer.features,
    )


def _extend_subwords(
    tokenizer: SubwordTokenizer, side: str, sentences: Iterable[str], min_count: int
) -> SubwordTokenizer:
    """Add the frequent characters that a subword tokenizer lacks."""
    counts = Counter(character for text in sentences for character in even_spaces(text))
    missing = [
        character
        for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= min_count and character.replace(" ", SPACE) not in tokenizer.vocabulary
    ]
    extended = tokenizer.with_characters(missing) if missing else tokenizer
    known = len(tokenizer.vocabulary)
    _logger.info(
        "%s vocabulary: %d subwords of the model, %d new characters",
        *(side, known - len(SPECIAL_TOKENS), len(extended.vocabulary) - known),
    )
    return extended
