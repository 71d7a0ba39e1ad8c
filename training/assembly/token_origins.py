"""The tokens of a trained model from whose weights the tokens of a new model start.

The same for the values of source features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_attention.special_tokens import SPECIAL_TOKENS, UNKNOWN_ID
from keras_attention.text.subword_tokenizer import SubwordTokenizer
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import TextCodec

Origins: TypeAlias = Sequence[Sequence[int]]
"""For each token of a new model, the ids of tokens of the trained model; none if all are unknown.
The same for the values of a source feature."""


def token_origins(trained: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """Return the origins of each token of a new tokenizer.

    A token that the trained tokenizer has starts from itself. A new piece of a subword tokenizer
    starts from the pieces into which the trained tokenizer splits it (Gee et al. 2022). Any other
    token is unknown to the trained tokenizer and has no origins.

    Args:
        trained: the tokenizer of the trained model.
        new: the tokenizer of the same kind of the new model.

    Returns:
        For each id of the new tokenizer, a list of ids of the trained one.

    Reference:
        https://aclanthology.org/2022.emnlp-industry.41/
    """

    def spell(token: str) -> list[str]:
        if token not in trained.vocabulary and isinstance(trained, SubwordTokenizer):
            return trained.split_piece(token)
        return [token]

    return _origins(trained.vocabulary, new.vocabulary, spell)


def codec_origins(trained: TextCodec, new: TextCodec) -> list[list[list[int]]]:
    """Return the origins of all that two codecs number.

    Returns:
        The origins of the source tokens, of the target tokens, and of the values of each source
        feature, in the order of the features.
    """
    known, own = (codec.source.features.vocabularies for codec in (trained, new))
    return [
        token_origins(trained.source, new.source),
        token_origins(trained.target, new.target),
        *(_origins(known[name], values, lambda value: [value]) for name, values in own.items()),
    ]


def _origins(
    trained: Vocabulary, new: Vocabulary, spell: Callable[[str], list[str]]
) -> list[list[int]]:
    special = len(SPECIAL_TOKENS)
    found = [trained.encode(spell(token)) for token in new.tokens[special:]]
    known = [[id_ for id_ in ids if id_ != UNKNOWN_ID] for ids in found]
    return [[id_] for id_ in range(special)] + known


def remap(values: npt.NDArray[Any], origins: Origins, axis: int) -> npt.NDArray[Any]:
    """Return the first weights of a new model's tokens, the means of those of their origins.

    A token without origins gets the mean over all tokens that are not special ones.

    Args:
        values: the weights of the trained model, with one entry for each of its tokens along
            `axis`.
        origins: the origins of each token of the new model.
        axis: the axis of the tokens.
    """
    special, size = len(SPECIAL_TOKENS), values.shape[axis]
    ordinary = np.take(values, range(special, size), axis) if size > special else values
    extended = np.concatenate([values, ordinary.mean(axis, keepdims=True)], axis)
    ids = [list(each) or [size] for each in origins]
    counts = np.array(list(map(len, ids)))
    gathered = np.take(extended, np.concatenate(ids), axis)
    sums = np.add.reduceat(gathered, np.cumsum(counts) - counts, axis)
    shape = [1] * values.ndim
    shape[axis] = len(counts)
    means: npt.NDArray[Any] = sums / counts.astype(values.dtype).reshape(shape)
    return means
