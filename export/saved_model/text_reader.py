"""The texts of a request in a graph: they are tokenized, and those over the limits are rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from keras_attention.special_tokens import END_ID, PAD_ID, UNKNOWN_ID
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer

from .limits import Limits
from .row_errors import error_unless, first_error, require


class ReadTexts(NamedTuple):
    """The tokenized texts of a request.

    Attributes:
        ids: the ids of the F source features, then those of the tokens, `[B, F + S]`. The tokens
            include the end token and are padded; `S` is at least 1.
        tokens: the tokens, `[B, S]`.
        length: number of ids of each text, `[B]`.
        error: what is wrong with each text, `[B]`; "" for a valid one.
    """

    ids: tf.Tensor
    tokens: tf.Tensor
    length: tf.Tensor
    error: tf.Tensor


class TextReader:
    """Tokenizes the texts of requests, and replaces those over the limits by empty texts.

    A text that is too long must not make the other texts of its request fail, because a server
    merges requests from different clients.

    Args:
        tokenizer: the tokenizer of the source or of the target.
        limits: the limits on the size of a request.

    Attributes:
        features: number of source features `F`.
    """

    def __init__(self, tokenizer: GraphTokenizer, limits: Limits) -> None:
        self._tokenizer, self._limits = tokenizer, limits
        self.features = len(tokenizer.features)
        # This graph is large, so trace it once and let all signatures call it.
        texts = tf.TensorSpec([None], tf.string)
        self._encode = tf.function(self._encoded, input_signature=[texts], autograph=False)

    def __call__(self, text: tf.Tensor) -> ReadTexts:
        """Read texts `[B]`."""
        batch, limit = self._limits.batch, self._limits.text
        count, size = tf.shape(text)[0], tf.strings.length(text)
        few = require(count <= batch, f"expected at most {batch} texts per request.", count)
        with tf.control_dependencies([few]):
            ids, tokens = self._encode(tf.where(size > limit.bytes, "", text))
        length = _length(ids)
        error = first_error(
            error_unless(size <= limit.bytes, limit.expected_bytes, size),
            error_unless(length <= limit.tokens, limit.expected_tokens, length),
            *self._feature_errors(text, ids),
        )
        good = tf.equal(error, "")
        ids = emptied(ids, good, self.features)
        length = _length(ids)
        longest = tf.reduce_max(tf.pad(length, [[0, 1]], constant_values=1 + self.features))
        tokens = tf.where(good[:, tf.newaxis], tokens, "")
        return ReadTexts(ids[:, :longest], tokens[:, : longest - self.features], length, error)

    def _encoded(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ids, tokens = self._tokenizer.encode_with_tokens(text)
        return _at_least(1 + self.features, ids, PAD_ID), _at_least(1, tokens, "")

    def _feature_errors(self, text: tf.Tensor, ids: tf.Tensor) -> Iterator[tf.Tensor]:
        """Yield, for each source feature, the error of each text `[B]`; "" if it is valid."""
        features = self._tokenizer.features
        for place, name in enumerate(features.vocabularies):
            tags = self._tokenizer.feature_tags(text)
            received = tf.where(tags == "", "no source feature", tags)
            valid = ids[:, place] != UNKNOWN_ID
            yield error_unless(valid, f"{features.expected(name)}.", received)


def emptied(ids: tf.Tensor, good: tf.Tensor, features: int) -> tf.Tensor:
    """Replace each row of ids `[B, F + S]` that is not `good` `[B]` by the ids of an empty text."""
    tokens = ids[:, features:]
    closed = tf.where(tf.range(tf.shape(tokens)[1]) > 0, PAD_ID, END_ID)
    tokens = tf.where(good[:, tf.newaxis], tokens, closed)
    return tf.concat([ids[:, :features], tokens], axis=1) if features else tokens


def _length(ids: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1)


def _at_least(steps: int, matrix: tf.Tensor, padding: int | str) -> tf.Tensor:
    """Pad a matrix `[B, S]` to at least `steps`, because an LSTM cannot run over 0 steps."""
    missing = tf.maximum(steps - tf.shape(matrix)[1], 0)
    return tf.pad(matrix, [[0, 0], [0, missing]], constant_values=padding)
