"""Loads pretrained embeddings: the vectors in a file for the tokens of a vocabulary."""

from __future__ import annotations

import logging

import keras

from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.special_tokens import SPECIAL_TOKENS
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.codec import TextCodec

from ..data.vector_files import Vector, read_vectors
from ..recipe.model_config import ModelConfig

_logger = logging.getLogger(__name__)


def load_pretrained(config: ModelConfig, model: Seq2Seq, codec: TextCodec) -> None:
    """Set the embeddings of all tokens in the recipe's vector files; leave others unchanged."""
    sides = {"source": codec.source, "target": codec.target}
    for side, tokenizer in sides.items():
        path = getattr(config, f"{side}_embeddings")
        if not path:
            continue
        table = getattr(model, f"{side}_embedding").embeddings
        rows = keras.ops.convert_to_numpy(table).copy()
        found = find_vectors(path, tokenizer, config.embedding)
        for id_, vector in found.items():
            rows[id_] = vector
        table.assign(rows)
        tokens = len(tokenizer.vocabulary) - len(SPECIAL_TOKENS)
        _logger.info("%s: %s of %s %s tokens found", path, f"{len(found):,}", f"{tokens:,}", side)


def find_vectors(path: str, tokenizer: Tokenizer, width: int) -> dict[int, Vector]:
    """Return the vectors of a vocabulary's tokens from a file in any format of `read_vectors`.

    A token gets the vector of the first entry that equals it. If there is none, it gets the vector
    of the first entry that equals it after normalization. Special tokens get no vectors.

    Returns:
        The vector `[width]` of each id that was found.
    """
    ids = {token: id_ for id_, token in enumerate(tokenizer.vocabulary.tokens)}
    for special in SPECIAL_TOKENS:
        del ids[special]
    found: dict[int, Vector] = {}
    exact: set[int] = set()
    for entry in read_vectors(path, width):
        is_exact = entry.token in ids
        id_ = ids.get(entry.token if is_exact else tokenizer.normalize(entry.token))
        if id_ is None or id_ in exact or (id_ in found and not is_exact):
            continue
        found[id_] = entry.vector()
        if is_exact:
            exact.add(id_)
    return found
