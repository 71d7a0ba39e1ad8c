"""Which source token an unknown target token stands for: what a model that copies learns from."""

from __future__ import annotations

from collections.abc import Sequence

from keras_attention.alignment.links import Links
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.translation.codec import TextCodec

from ..data.pairs import Pair
from ..recipe.sections import TextConfig


def find_pointers(
    config: TextConfig, codec: TextCodec, pairs: Sequence[Pair]
) -> list[Links] | None:
    """For each pair the links of unknown target tokens with the source tokens that equal them.

    Args:
        config: the recipe's section.
        codec: its tokenizers.
        pairs: the pairs.

    Returns:
        Pairs of a source token's and a target token's position. `None` where nothing
        is linked, or subwords are cut anew every epoch.
    """
    if config.source_subword_dropout or config.target_subword_dropout:
        return None
    pointers = [_point(codec, pair) for pair in pairs]
    return pointers if any(pointers) else None


def _point(codec: TextCodec, pair: Pair) -> Links:
    source, target = pair
    ids = codec.target.encode(target)
    unknown = [place for place, token in enumerate(ids) if token == UNKNOWN_ID]
    if not unknown:
        return frozenset()
    words, target_words = codec.source.split(source), codec.target.split(target)
    return frozenset(
        (i, j) for j in unknown for i, word in enumerate(words) if word == target_words[j]
    )
