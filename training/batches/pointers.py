"""Pointers: links from unknown target tokens to equal source tokens, for models that copy."""

from __future__ import annotations

from collections.abc import Sequence

from keras_attention.alignment.links import Links
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.translation.codec import TextCodec

from ..data.pairs import Pair
from ..recipe.text_config import TextConfig


def find_pointers(
    config: TextConfig, codec: TextCodec, pairs: Sequence[Pair]
) -> list[Links] | None:
    """Return links between the unknown target tokens of each pair and equal source tokens.

    Args:
        config: the recipe's `[text]` section.
        codec: the tokenizers.
        pairs: the pairs.

    Returns:
        For each pair, the positions (source, target) of linked tokens. `None` if there is no link
        at all, or subword dropout changes the positions in every epoch.
    """
    if config.source_subword_dropout or config.target_subword_dropout:
        return None
    pointers = [_point(codec, pair) for pair in pairs]
    return pointers if any(pointers) else None


def _point(codec: TextCodec, pair: Pair) -> Links:
    source, target = pair
    ids = codec.target.encode(target)
    unknown = [position for position, id_ in enumerate(ids) if id_ == UNKNOWN_ID]
    if not unknown:
        return frozenset()
    words, target_words = codec.source.split(source), codec.target.split(target)
    return frozenset(
        (i, j) for j in unknown for i, word in enumerate(words) if word == target_words[j]
    )
