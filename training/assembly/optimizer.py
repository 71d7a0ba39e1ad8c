"""The optimizer that a recipe describes: Adam with a schedule, clipping and averaging."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_attention.fast.fused_adam import FusedAdam
from keras_attention.objectives.schedules import WarmUp

from ..recipe.training_config import TrainingConfig


def build_optimizer(
    config: TrainingConfig, total_steps: int, rates: Sequence[float] = ()
) -> keras.optimizers.Optimizer:
    """Build Adam with the recipe's schedule, clipping, averaging and gradient accumulation.

    Args:
        config: the recipe's `[training]` section.
        total_steps: training steps of the whole run; a cosine schedule ends with the last one.
        rates: factors on the learning rate, one for each of the model's `trainable_variables`, in
            their order; none: 1 for all.
    """
    return FusedAdam(
        _learning_rate(config, total_steps),
        rates=rates,
        global_clipnorm=config.clip_norm or None,
        gradient_accumulation_steps=config.accumulate if config.accumulate > 1 else None,
        use_ema=config.ema > 0,
        ema_momentum=config.ema,
    )


def _learning_rate(
    config: TrainingConfig, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate: a constant or a schedule.

    Keras calls a schedule with the number of the batch, not of the update, so numbers of updates
    are multiplied by the number of batches per update.
    """
    rate, warmup = config.learning_rate, config.warmup * config.accumulate
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate,
            max(1, total_steps - warmup),
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    if config.schedule == "inverse_square_root" or warmup:
        decays = config.schedule == "inverse_square_root"
        return WarmUp(rate, warmup or config.accumulate, decay=decays)
    return rate
