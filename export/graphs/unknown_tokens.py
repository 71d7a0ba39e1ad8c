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
    return write_sources(unknown_places(ids, alignment, source_length), tokens, source_tokens)


def unknown_places(ids: tf.Tensor, alignment: tf.Tensor, source_length: tf.Tensor) -> tf.Tensor:
    """Return the position of the source token that replaces each `<unk>`, counted from 1.

    The arguments are those of `replace_unknown`.

    Returns:
        int32 of the shape of `ids`; 0 for tokens that are kept.
    """
    words = tf.sequence_mask(source_length - 1, tf.shape(alignment)[-1], alignment.dtype)
    for _ in range(alignment.shape.rank - 2):
        words = words[:, tf.newaxis]
    weights = alignment * words
    replaced = (ids == UNKNOWN_ID) & tf.reduce_any(weights > 0, axis=-1)
    return tf.where(replaced, tf.argmax(weights, axis=-1, output_type=tf.int32) + 1, 0)


def write_sources(places: tf.Tensor, tokens: tf.Tensor, source_tokens: tf.Tensor) -> tf.Tensor:
    """Replace tokens by source tokens `[B, S]` where `places` is not 0; see `unknown_places`."""
    sources = tf.gather(source_tokens, tf.maximum(places - 1, 0), batch_dims=1)
    return tf.where(places > 0, sources, tokens)
