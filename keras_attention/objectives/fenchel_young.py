"""The losses of sparse outputs: Fenchel-Young losses of sparsemax and 1.5-entmax."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.fast.crossentropy import check_logits
from keras_attention.objectives.losses import MaskedCrossentropy, MaskedLoss
from keras_attention.ops.masking import Tensor
from keras_attention.ops.sparse_outputs import ALPHAS, negative_entropy, sparse_probabilities
from keras_attention.settings.arguments import checked_choice


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedFenchelYoung(MaskedLoss):
    """The loss of a sparse output, averaged over the batch's real target tokens.

    `loss(z, y) = Omega*(z) + Omega(y) - <z, y>` for logits `z` and the target distribution `y`
    (Blondel et al. 2020). `Omega(p) = (sum_v p_v ** alpha - 1) / (alpha (alpha - 1))` is the
    negative Tsallis entropy, with `alpha` of 2 for sparsemax and 1.5 for 1.5-entmax, and `Omega*`
    is its convex conjugate (Peters et al. 2019). The gradient is `p - y`, where the mapping
    converts `z` to `p`.

    The loss is 0 if `p = y`, and positive otherwise. So, unlike cross-entropy, it is exactly 0 for
    a target token whose logit exceeds all others by at least 1 (sparsemax) or 2 (1.5-entmax).

    The losses of different mappings cannot be compared with each other or with a cross-entropy.
    Padding, sample weights and replicas are treated as in `MaskedCrossentropy`.

    Args:
        mapping: the mapping from logits to probabilities, `"sparsemax"` or `"entmax15"`; it must
            be the `output_mapping` of the `Seq2Seq`.
        label_smoothing: probability spread over all tokens, in [0, 1). Default 0. With smoothing
            the target distribution has no zeros, so training makes the output less sparse.
        name: name of the loss in the logs.

    Call arguments:
        y_true: integer target ids `[B, T]`.
        y_pred: logits `[B, T, V]`.
        sample_weight: optional, broadcast to `[B, T]`.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: if `mapping` is unknown, or `label_smoothing` is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import MaskedFenchelYoung
    >>> logits = np.array([[[0.0, 0.0, 0.5, 1.0]]], "float32")
    >>> loss = MaskedFenchelYoung("sparsemax")
    >>> round(float(loss(np.array([[3]]), logits)), 4)
    0.0625

    Reference:
        https://arxiv.org/abs/1905.05702, https://arxiv.org/abs/1901.02324
    """

    def __init__(
        self,
        mapping: str,
        label_smoothing: float = 0.0,
        name: str = "masked_fenchel_young",
        **kwargs: Any,
    ) -> None:
        mapping = checked_choice(mapping, "mapping", tuple(ALPHAS))
        super().__init__(label_smoothing, mapping=mapping, name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of every position, `[B, T]`, including padding."""
        check_logits(y_true, y_pred)
        logits = ops.cast(y_pred, "float32")
        return _fenchel_young(y_true, logits, self.mapping, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this loss."""
        return {**super().get_config(), "mapping": self.mapping}


def output_loss(mapping: str, label_smoothing: float = 0.0) -> MaskedLoss:
    """Return the loss that trains a model with this `output_mapping`."""
    if mapping == "softmax":
        return MaskedCrossentropy(label_smoothing)
    return MaskedFenchelYoung(mapping, label_smoothing)


def check_loss(loss: Any, mapping: str) -> None:
    """Check that a loss trains a model with this `output_mapping`.

    Args:
        loss: the loss that the model was compiled with. None is accepted, and for softmax also any
            loss that is not from this library, unless it reads probabilities.
        mapping: the model's `output_mapping`.
    """
    if isinstance(loss, MaskedLoss) and loss.mapping == mapping:
        return
    if mapping == "softmax" and _reads_probabilities(loss):
        raise ValueError(
            "`loss` must read logits, which a Seq2Seq returns; use MaskedCrossentropy(), or a loss "
            f"with from_logits=True. Received: loss={_describe(loss)}."
        )
    if loss is None or mapping == "softmax" and not isinstance(loss, MaskedLoss):
        return
    fitting = "MaskedCrossentropy()" if mapping == "softmax" else f"MaskedFenchelYoung({mapping!r})"
    raise ValueError(
        f"`loss` must be {fitting} for a model with output_mapping={mapping!r}. "
        f"Received: loss={_describe(loss)}."
    )


def _reads_probabilities(loss: Any) -> bool:
    """Return whether a cross-entropy of Keras expects probabilities instead of logits."""
    losses = keras.losses
    found = losses.get(loss) if isinstance(loss, str) else loss
    if isinstance(found, losses.SparseCategoricalCrossentropy | losses.CategoricalCrossentropy):
        return not found.from_logits
    return found in (losses.sparse_categorical_crossentropy, losses.categorical_crossentropy)


def _describe(loss: Any) -> str:
    if isinstance(loss, MaskedFenchelYoung):
        return f"MaskedFenchelYoung({loss.mapping!r})"
    return type(loss).__name__ + "()" if isinstance(loss, keras.losses.Loss) else repr(loss)


def _fenchel_young(target: Tensor, logits: Tensor, mapping: str, smoothing: float) -> Tensor:
    """Return the losses `[...]` of target ids `[...]` and logits `[..., V]`."""
    size = logits.shape[-1]
    # The loss does not change if a number is added to all logits. Small numbers are more exact.
    z = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    # Omega*(z) = <p, z> - Omega(p) has the gradient p, as if p did not depend on z, because p
    # maximizes this difference.
    p = sparse_probabilities(z, mapping)
    conjugate = ops.sum(p * z, axis=-1) - negative_entropy(p, mapping)
    chosen = ops.take_along_axis(z, ops.cast(target, "int32")[..., None], axis=-1)
    product = (1 - smoothing) * ops.squeeze(chosen, -1)
    if smoothing:
        product = product + smoothing * ops.mean(z, axis=-1)
    return conjugate + _smoothed_entropy(size, mapping, smoothing) - product


def _smoothed_entropy(size: int, mapping: str, smoothing: float) -> float:
    """Return the `negative_entropy` of a smoothed target distribution over `size` tokens."""
    alpha = ALPHAS[mapping]
    smoothed = np.full(size, smoothing / size)
    smoothed[0] += 1 - smoothing
    return float((np.sum(smoothed**alpha) - 1) / (alpha * (alpha - 1)))
