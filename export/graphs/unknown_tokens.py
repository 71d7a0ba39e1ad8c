"""The replacement of `<unk>` by source tokens, as a graph."""

from __future__ import annotations

import tensorflow as tf

from keras_attention.special_tokens import UNKNOWN_ID


def replace_unknown(
    ids: tf.Tensor,
    tokens: tf.Tensor,
    alignment: tf.Tensor,
    source_tokens: tf.Tensor,
    source_length: tf.Tensor,
) -> tf.Tensor:
    """Replace each `<unk>` by the source token with the largest weight, `</s>` excluded.

    `TextCodec.replace_unknown` does the same. An `<unk>` whose weights are all 0 is kept.

    Args:
        ids: target ids `[B, T]` or, for several hypotheses per source, `[B, K, T]`.
        tokens: the tokens of these ids, of the same shape.
        alignment: weights `[B, T, S]` or `[B, K, T, S]`.
        source_tokens: tokens of the sources `[B, S]`.
        source_length: number of source tokens, `</s>` included, `[B]`.

    Returns:
        Tokens of the shape of `ids`.
    """
    words = tf.sequence_mask(source_length - 1, tf.shape(source_tokens)[1], alignment.dtype)
    for _ in range(alignment.shape.rank - 2):
        words = words[:, tf.newaxis]
    weights = alignment * words
    best = tf.gather(source_tokens, tf.argmax(weights, axis=-1), batch_dims=1)
    return tf.where((ids == UNKNOWN_ID) & tf.reduce_any(weights > 0, axis=-1), best, tokens)
