"""The length of a run in epochs, steps and validations."""

from __future__ import annotations

import logging
from typing import NamedTuple

from keras_attention.errors import InputError

from ..recipe.training_config import TrainingConfig

LONGEST_WARM_UP = 10
"""Largest ratio of the warm-up's length to the run's. At this ratio, the learning rate reaches only
a tenth of `learning_rate`."""

_logger = logging.getLogger(__name__)


class TrainingPlan(NamedTuple):
    """The length of a run.

    Attributes:
        epochs: Passes over the training pairs.
        steps_per_epoch: Training steps in one pass.
        interval: Training steps between two validations, which `model.fit` counts as one epoch.
        intervals: Number of validation intervals.
    """

    epochs: int
    steps_per_epoch: int
    interval: int
    intervals: int

    @classmethod
    def of(cls, config: TrainingConfig, steps_per_epoch: int) -> TrainingPlan:
        """Return the length of the run that a recipe describes."""
        steps = config.epochs * steps_per_epoch
        interval = config.validate_every or steps_per_epoch
        if interval > steps:
            raise InputError(
                "`training.validate_every` must be at most the total number of steps, "
                f"{steps}; 0 validates once per epoch. "
                f"Received: training.validate_every={interval}."
            )
        return cls(config.epochs, steps_per_epoch, interval, -(-steps // interval))

    def check_updates(self, config: TrainingConfig) -> None:
        """Check that the run updates its weights; warn if the warm-up is longer than the run."""
        updates = self.steps // config.accumulate
        if not updates:
            raise InputError(
                f"`training.accumulate` must be at most the total number of steps, {self.steps}, "
                "otherwise the weights are never updated. "
                f"Received: training.accumulate={config.accumulate}."
            )
        if config.warmup > LONGEST_WARM_UP * updates:
            raise InputError(
                f"`training.warmup` must be at most {LONGEST_WARM_UP} times the total number of "
                f"updates, {updates}, otherwise the learning rate stays near 0. "
                f"Received: training.warmup={config.warmup}."
            )
        if config.warmup > updates:
            _logger.warning(
                "training.warmup=%d is longer than the %d updates of this run, so the learning "
                "rate reaches only %.0f%% of training.learning_rate.",
                *(config.warmup, updates, 100 * updates / config.warmup),
            )

    @property
    def steps(self) -> int:
        """Total number of training steps of the run."""
        return self.interval * self.intervals

    def epoch(self, step: float) -> str:
        """Return a number of steps as a number of epochs, in text form.

        Example:
            >>> plan = TrainingPlan(epochs=12, steps_per_epoch=100, interval=250, intervals=5)
            >>> plan.epoch(250), plan.epoch(1000)
            ('2.5', '10')
        """
        epochs = min(step / self.steps_per_epoch, self.epochs)
        return f"{epochs:.0f}" if epochs == int(epochs) else f"{epochs:.1f}"

    def place(self, step: int) -> str:
        """Return the epoch and the step of the run, as text for progress messages."""
        return f"epoch {self.epoch(step)} of {self.epochs}  step {step:,} of {self.steps:,}"
