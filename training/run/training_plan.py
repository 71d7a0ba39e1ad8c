"""The length of a run, in epochs of the data, steps and validations."""

from __future__ import annotations

import logging
from typing import NamedTuple

from keras_attention.errors import InputError

from ..recipe.sections import TrainingConfig

LONGEST_WARM_UP = 10
"""A warm-up this many times longer than the run ends at a tenth of the learning rate."""

_logger = logging.getLogger(__name__)


class TrainingPlan(NamedTuple):
    """The length of a run.

    Attributes:
        epochs: Passes over the training pairs.
        steps_per_epoch: Batches of a pass.
        interval: Batches between two validations, one of fit's epochs.
        intervals: How many of these there are.
    """

    epochs: int
    steps_per_epoch: int
    interval: int
    intervals: int

    @classmethod
    def of(cls, config: TrainingConfig, steps_per_epoch: int) -> TrainingPlan:
        """Return the length of the run that a recipe describes.

        Args:
            config: The recipe's section.
            steps_per_epoch: Batches of a pass.

        Raises:
            InputError: If the run is shorter than the steps before its first validation.
        """
        steps = config.epochs * steps_per_epoch
        interval = config.validate_every or steps_per_epoch
        if interval > steps:
            raise InputError(
                "`training.validate_every` must be at most the number of all steps, "
                f"{steps}; 0 validates once an epoch. Received: training.validate_every={interval}."
            )
        return cls(config.epochs, steps_per_epoch, interval, -(-steps // interval))

    def check_updates(self, config: TrainingConfig) -> None:
        """Check that the run updates its weights, and warn of a warm-up that does not end.

        Raises:
            InputError: If there is no update, or none gets beyond a tenth of the learning rate.
        """
        updates = self.steps // config.accumulate
        if not updates:
            raise InputError(
                f"`training.accumulate` must be at most the number of all steps, {self.steps}, for "
                f"one update. Received: training.accumulate={config.accumulate}."
            )
        if config.warmup > LONGEST_WARM_UP * updates:
            raise InputError(
                f"`training.warmup` must be at most {LONGEST_WARM_UP} times the number of all "
                f"updates, {updates}, or the learning rate stays near 0. "
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
        """All batches of the run."""
        return self.interval * self.intervals

    def epoch(self, step: float) -> str:
        """Return the number of epochs in a number of steps, as text.

        Example:
            >>> plan = TrainingPlan(epochs=12, steps_per_epoch=100, interval=250, intervals=5)
            >>> plan.epoch(250), plan.epoch(1000)
            ('2.5', '10')
        """
        epochs = min(step / self.steps_per_epoch, self.epochs)
        return f"{epochs:.0f}" if epochs == int(epochs) else f"{epochs:.1f}"

    def place(self, step: int) -> str:
        """Return the place of a step in the run, in words."""
        return f"epoch {self.epoch(step)} of {self.epochs}  step {step:,} of {self.steps:,}"
