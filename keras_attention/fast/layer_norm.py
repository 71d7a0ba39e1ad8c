"""Layer normalisation whose gradient takes half the operations, on TensorFlow."""

from typing import Any

import keras

from keras_attention.ops.masking import Tensor


class LayerNorm(keras.layers.LayerNormalization):
    """Keras's `LayerNormalization` over the last axis, faster in training on TensorFlow.

    Automatic differentiation of Keras's formula (Ba et al. 2016) needs about twice as many
    operations as the gradient here. Like Keras, this layer computes in at least float32.

    Args:
        epsilon: a positive number that is added to the variance.
        center: whether to add a trained offset.
        dtype: the dtype policy of the layer.
        name: the name of the layer.

    Call arguments:
        inputs: float tensor `[..., D]`.

    Returns:
        A tensor like `inputs`, in the compute dtype.

    Reference:
        https://arxiv.org/abs/1607.06450
    """

    def __init__(
        self, epsilon: float, *, center: bool = True, dtype: Any = None, name: str | None = None
    ) -> None:
        super().__init__(epsilon=epsilon, center=center, dtype=dtype, name=name)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the normalised inputs."""
        # An export contains no gradient, so it needs only the operations of Keras.
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        return _normalize(inputs, self.gamma, self.beta, self.epsilon, self.compute_dtype)


def _normalize(x: Tensor, gamma: Tensor, beta: Tensor | None, epsilon: float, dtype: str) -> Tensor:
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    wide = tf.float64 if x.dtype == tf.float64 else tf.float32

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalize(x: Tensor, gamma: Tensor, *betas: Tensor) -> Any:
        centered = tf.cast(x, wide)
        centered -= tf.reduce_mean(centered, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        inverse = tf.math.rsqrt(variance + epsilon)
        normalized = centered * inverse
        outputs = normalized * gamma
        for beta in betas:
            outputs += beta

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            upstream = tf.cast(upstream, wide)
            scaled = upstream * gamma
            mean = tf.reduce_mean(scaled, axis=-1, keepdims=True)
            mean_product = tf.reduce_mean(scaled * normalized, axis=-1, keepdims=True)
            to_x = (scaled - mean - normalized * mean_product) * inverse
            rows = list(range(len(x.shape) - 1))
            to_gamma = tf.reduce_sum(upstream * normalized, axis=rows)
            to_betas = [tf.reduce_sum(upstream, axis=rows) for _ in betas]
            return tf.cast(to_x, x.dtype), to_gamma, *to_betas

        return tf.cast(outputs, dtype), gradient

    weights = [gamma] if beta is None else [gamma, beta]
    # `tf.custom_gradient` refuses variables.
    return normalize(x, *(tf.cast(tf.convert_to_tensor(weight), wide) for weight in weights))
