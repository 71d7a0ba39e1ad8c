"""The cross-entropy, and the base class of the training losses, which are means over tokens."""

from typing import Any

import keras
from keras import ops

from keras_attention.fast.crossentropy import crossentropy
from keras_attention.objectives.replicas import replica_count
from keras_attention.ops.masking import Tensor, real_tokens


class MaskedLoss(keras.losses.Loss):
    """Base class of losses that are averaged over the batch's real target tokens.

    A subclass defines `call`, which returns the losses of all positions. Each replica's loss is
    divided by the number of replicas, because Keras sums the replicas' gradients and reports the
    mean of their losses; see `MaskedCrossentropy`.

    Args:
        label_smoothing: probability spread over all tokens, in [0, 1).
        mapping: the mapping from logits to probabilities that the loss assumes.
        name: name of the loss in the logs.

    Raises:
        ValueError: if `label_smoothing` is out of range.
    """

    def __init__(
        self, label_smoothing: float, *, mapping: str = "softmax", name: str, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 1. "
                f"Received: label_smoothing={label_smoothing}."
            )
        self.label_smoothing = label_smoothing
        self.mapping = mapping

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """Return the mean over real tokens; Keras would take the mean over all positions."""
        losses = self.call(y_true, y_pred)
        weights = token_weights(y_true, sample_weight, losses.dtype)
        mean = ops.divide_no_nan(ops.sum(losses * weights), ops.sum(weights))
        return mean / replica_count()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this loss."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedCrossentropy(MaskedLoss):
    """Cross-entropy in nats, averaged over the batch's real target tokens.

    `loss = - sum_i w_i log softmax(logits_i)[target_i] / sum_i w_i`, where `w_i` is 0 on padding
    (target id 0) and 1, or the sample weight, elsewhere.

    With label smoothing, the target distribution is `1 - label_smoothing` on the target token plus
    `label_smoothing / V` on every token (Szegedy et al. 2016, section 7).

    Under a `tf.distribute` strategy, the loss of each replica is the mean over its own tokens,
    divided by the number of replicas, as for Keras's own losses. In a `Seq2Seq`, a replica with
    more tokens gets a larger weight. In other models, all replicas have the same weight.

    Args:
        label_smoothing: probability spread over all tokens, in [0, 1). Default 0.
        name: name of the loss in the logs.

    Call arguments:
        y_true: integer target ids `[B, T]`.
        y_pred: logits `[B, T, V]`.
        sample_weight: optional, broadcast to `[B, T]`.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: if `label_smoothing` is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import MaskedCrossentropy
    >>> loss = MaskedCrossentropy()(np.array([[3, 0]]), np.zeros((1, 2, 4), "float32"))
    >>> round(float(loss), 4)
    1.3863

    Reference:
        https://arxiv.org/abs/1512.00567
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        name: str = "masked_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(label_smoothing, name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the cross-entropy of every position, `[B, T]`, including padding."""
        logits = ops.cast(y_pred, "float32")
        return crossentropy(y_true, logits, self.label_smoothing)


def token_weights(y_true: Tensor, sample_weight: Tensor | None, dtype: Any) -> Tensor:
    """Return weights `[B, T]`: 0 on padding, elsewhere 1 or the sample weight."""
    weights = ops.cast(real_tokens(y_true), dtype)
    if sample_weight is None:
        return weights
    sample_weight = ops.cast(sample_weight, dtype)
    if len(sample_weight.shape) == 1:
        sample_weight = ops.expand_dims(sample_weight, -1)
    return weights * sample_weight
