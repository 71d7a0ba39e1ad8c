"""Scheduled sampling: in training, replace some previous tokens with the model's predictions."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.configured import Configured
from keras_attention.ops.masking import Tensor, real_tokens


@keras.saving.register_keras_serializable(package="keras_attention")
class ScheduledSampler(Configured, keras.layers.Layer):
    """A layer that replaces a share of the previous target tokens with the model's predictions.

    Each real token except the first is replaced, with probability `rate`, by a draw from the
    distribution that a teacher-forced pass predicts for it (Bengio et al. 2015). All steps are
    drawn at once (Duckworth et al. 2019). `rate` is a variable that starts at 0; training raises
    it.

    Args:
        seed: seed of the draws; `None` draws one at random.

    Call arguments:
        target: integer ids `[B, T]`, shifted right by one, with the start token first.
        logits: `[B, T, V]` of a teacher-forced pass over `target`.

    Returns:
        Integer ids `[B, T]`.

    Reference:
        https://arxiv.org/abs/1506.03099, https://arxiv.org/abs/1906.04331
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        # 16-bit dtypes are too coarse for the draws and for small rates.
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.rate = self.add_weight(
            (), initializer="zeros", trainable=False, dtype="float32", autocast=False, name="rate"
        )

    def call(self, target: Tensor, logits: Tensor) -> Tensor:
        """Replace tokens at random; no gradient flows through the predictions."""
        logits = ops.cast(ops.stop_gradient(logits), "float32")
        uniform = keras.random.uniform(ops.shape(logits), 1e-6, 1.0, seed=self.seed_generator)
        # Gumbel-max trick: the argmax of logits plus this noise is a draw from their softmax.
        draws = ops.argmax(logits - ops.log(-ops.log(uniform)), axis=-1)
        previous = ops.concatenate([target[:, :1], ops.cast(draws[:, :-1], target.dtype)], axis=1)
        chance = keras.random.uniform(ops.shape(target), seed=self.seed_generator)
        replace = ops.logical_and(chance < self.rate, real_tokens(target))
        first = ops.equal(ops.arange(ops.shape(target)[1]), 0)
        return ops.where(ops.logical_and(replace, ops.logical_not(first)), previous, target)
