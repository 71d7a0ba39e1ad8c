"""Token embeddings whose gradient is dense."""

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenEmbedding(keras.layers.Embedding):
    """Keras's `Embedding` with a gradient that adds up a token's occurrences first.

    TensorFlow gives an embedding a sparse gradient with one row an occurrence, and Keras's Adam
    squares those rows before it adds them, which is not Adam wherever a token occurs twice. Here
    the optimizer sees the sum.

    Args:
        input_dim: number of ids.
        output_dim: width of the embedding.
        **kwargs: as `keras.layers.Embedding` takes them.

    Call arguments:
        inputs: integer ids of any shape.

    Returns:
        Float tensor `[..., output_dim]`.

    Example:
    >>> import numpy as np
    >>> from keras_attention.layers.token_embedding import TokenEmbedding
    >>> tuple(TokenEmbedding(10, 4)(np.array([[5, 6, 2]])).shape)
    (1, 3, 4)
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Looks the ids up."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        ids = ops.cast(inputs, "int32")
        return ops.cast(_dense_lookup(self.embeddings, ids), self.compute_dtype)

    def similarities(self, outputs: Tensor) -> Tensor:
        """Products of `outputs` `[..., output_dim]` with every embedding, `[..., input_dim]`."""
        table = ops.cast(ops.convert_to_tensor(self.embeddings), self.compute_dtype)
        return ops.matmul(outputs, ops.transpose(table))


def _dense_lookup(table: Tensor, ids: Tensor) -> Tensor:
    """Return the rows of `table` `[V, E]` at `ids`; the gradient is one dense `[V, E]`.

    A reshape, even to the same shape, turns the sparse gradient of the lookup into a dense one. A
    `tf.custom_gradient` would do the same, but TensorFlow then never frees the graph it is in.
    """
    import tensorflow as tf

    return tf.gather(tf.reshape(table, table.shape), ids)
