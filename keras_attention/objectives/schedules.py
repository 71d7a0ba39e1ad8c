"""The learning-rate schedule that Keras does not have."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_attention")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to a rate, which then stays or falls by the root of the step.

    `rate * min(step / warmup, sqrt(warmup / step))` where it falls (Vaswani et al. 2017,
    equation 3), `rate * min(step / warmup, 1)` where it stays. Steps count from 1.

    Args:
        rate: the peak.
        warmup: steps up to the peak, at least 1.
        decay: whether the rate falls after the peak. Default `True`.

    Raises:
        ValueError: if `warmup` is below 1.

    Example:
    >>> from keras_attention.objectives.schedules import WarmUp
    >>> schedule = WarmUp(0.1, 4)
    >>> [round(float(schedule(step)), 3) for step in (0, 3, 15)]
    [0.025, 0.1, 0.05]

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, rate: float, warmup: int, *, decay: bool = True) -> None:
        if warmup < 1:
            raise ValueError(f"`warmup` must be at least 1. Received: warmup={warmup}.")
        self.rate = rate
        self.warmup = warmup
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        """The rate of an update; the first is number 0."""
        grown = (ops.cast(step, "float32") + 1.0) / float(self.warmup)
        after = ops.rsqrt(grown) if self.decay else ops.ones_like(grown)
        return self.rate * ops.minimum(grown, after)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this schedule."""
        return {"rate": self.rate, "warmup": self.warmup, "decay": self.decay}
