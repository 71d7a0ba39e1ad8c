"""Token embeddings whose gradient is dense."""

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenEmbedding(keras.layers.Embedding):
    """Keras's `Embedding`, with a gradient that sums the occurrences of a token.

    TensorFlow's gradient of an embedding is sparse, with one row per occurrence of a token. Keras's
    Adam squares those rows before it adds them, which is wrong if a token occurs twice. With this
    layer the optimizer receives the sum.

    Args:
        input_dim: number of ids.
        output_dim: width of the embedding.
        **kwargs: arguments of `keras.layers.Embedding`.

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
        """Return the embeddings of the ids."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        ids = ops.cast(inputs, "int32")
        return ops.cast(_dense_lookup(self.embeddings, ids), self.compute_dtype)

    def similarities(self, outputs: Tensor) -> Tensor:
        """Return the products `[..., input_dim]` of `outputs` `[..., output_dim]` and the table."""
        table = ops.cast(ops.convert_to_tensor(self.embeddings), self.compute_dtype)
        return ops.matmul(outputs, ops.transpose(table))


def _dense_lookup(table: Tensor, ids: Tensor) -> Tensor:
    """Return the rows of `table` `[V, E]` at `ids`, with a dense gradient `[V, E]`.

    A reshape, even to the same shape, makes the sparse gradient of the lookup dense. A
    `tf.custom_gradient` would work too, but TensorFlow then never frees the graph.
    """
    import tensorflow as tf

    return tf.gather(tf.reshape(table, table.shape), ids)
