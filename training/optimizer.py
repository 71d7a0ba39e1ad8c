"""The optimizer that a recipe describes: Adam, its schedule and what Keras adds to it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .recipe import TrainingConfig


@keras.saving.register_keras_serializable(package="keras_attention")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then decay by the root of the step (Vaswani et al. 2017, eq. 3).

    `rate * min(step / warmup, sqrt(warmup / step))`: the peak `rate` is reached after `warmup`.

    Args:
        rate: the peak.
        warmup: steps up to the peak, at least 1.

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, rate: float, warmup: int) -> None:
        self.rate = rate
        self.warmup = warmup

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0."""
        step = ops.cast(step, "float32") + 1.0
        warmup = float(self.warmup)
        return self.rate * ops.minimum(step / warmup, ops.sqrt(warmup / step))

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this schedule."""
        return {"rate": self.rate, "warmup": self.warmup}


def build_optimizer(config: TrainingConfig, total_steps: int) -> keras.optimizers.Optimizer:
    """Adam with the recipe's schedule, clipping, averaging and accumulation.

    Args:
        config: the recipe's section.
        total_steps: steps of the whole run, where a cosine schedule ends.
    """
    return keras.optimizers.Adam(
        learning_rate(config, total_steps),
        global_clipnorm=config.clip_norm or None,
        gradient_accumulation_steps=config.accumulate if config.accumulate > 1 else None,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
    )


def learning_rate(config: TrainingConfig, total_steps: int) -> Any:
    """A number, or a schedule of Keras's or ours."""
    rate, warmup = config.learning_rate, config.warmup
    if config.schedule == "inverse_square_root":
        return InverseSquareRoot(rate, max(1, warmup))
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate,
            max(1, total_steps - warmup),
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    return rate
