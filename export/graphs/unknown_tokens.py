"""Source tokens in the place of `<unk>`, in a graph."""

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
    """Puts a source token in the place of each `<unk>`, as `TextCodec.replace_unknown` does.

    Args:
        ids: target ids `[B, T]` or, of several hypotheses a source, `[B, K, T]`.
        tokens: their tokens, of the same shape.
        alignment: weights `[B, T, S]` or `[B, K, T, S]`.
        source_tokens: `[B, S]`.
        source_length: source tokens with `</s>`, `[B]`.

    Returns:
        Tokens of the shape of `ids`.
    """
    words = tf.sequence_mask(source_length - 1, tf.shape(source_tokens)[1], alignment.dtype)
    for _ in range(alignment.shape.rank - 2):
        words = words[:, tf.newaxis]
    weights = alignment * words
    best = tf.gather(source_tokens, tf.argmax(weights, axis=-1), batch_dims=1)
    return tf.where((ids == UNKNOWN_ID) & tf.reduce_any(weights > 0, axis=-1), best, tokens)
