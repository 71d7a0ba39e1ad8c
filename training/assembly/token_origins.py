"""The tokens of a trained model from whose weights the tokens of a new model start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_attention.special_tokens import SPECIAL_TOKENS, UNKNOWN_ID
from keras_attention.text.subword_tokenizer import SubwordTokenizer
from keras_attention.text.tokenizer import Tokenizer

Origins: TypeAlias = Sequence[Sequence[int]]
"""For each token of a new model, the ids of tokens of the trained model; none if all are unknown.
"""


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
    special, known = len(SPECIAL_TOKENS), trained.vocabulary

    def origins(token: str) -> list[int]:
        pieces = [token]
        if token not in known and isinstance(trained, SubwordTokenizer):
            pieces = trained.split_piece(token)
        return [id_ for id_ in known.encode(pieces) if id_ != UNKNOWN_ID]

    return [[id_] for id_ in range(special)] + list(map(origins, new.vocabulary.tokens[special:]))


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
