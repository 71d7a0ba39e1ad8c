"""A learning-rate schedule with linear warm-up."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_attention")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, followed by inverse-square-root decay or a constant rate.

    With decay, the rate is `rate * min(step / warmup, sqrt(warmup / step))` (Vaswani et al. 2017,
    equation 3); without decay, `rate * min(step / warmup, 1)`. Here `step` counts from 1.

    Args:
        rate: the peak rate.
        warmup: number of steps up to the peak, at least 1.
        decay: whether the rate decays after the peak. Default `True`.

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
        """Return the learning rate of a training step, counted from 0."""
        grown = (ops.cast(step, "float32") + 1.0) / float(self.warmup)
        after = ops.rsqrt(grown) if self.decay else ops.ones_like(grown)
        return self.rate * ops.minimum(grown, after)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this schedule."""
        return {"rate": self.rate, "warmup": self.warmup, "decay": self.decay}
