"""Callbacks that set dropout seeds, the sampling rate and the step count of each interval."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..recipe.training_config import TrainingConfig


class SeedDropout(keras.callbacks.Callback):
    """Seeds the dropout of every epoch from the recipe's seed and the number of the epoch.

    Keras keeps the state of its random generators in variables that it does not save, so without
    this callback a resumed run would draw other dropout masks.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the state of each random generator of the model; a state is two words of 32 bits."""
        variables = self.model.non_trainable_variables
        states = [variable for variable in variables if variable.name == "seed_generator_state"]
        words = np.random.SeedSequence([self.seed, epoch]).generate_state(2 * len(states))
        for state, pair in zip(states, words.reshape(-1, 2), strict=True):
            state.assign(pair)


class RaiseSampling(keras.callbacks.Callback):
    """Raises the rate of scheduled sampling linearly, once per validation interval.

    Args:
        config: the recipe's `[training]` section, with the final rate and the number of steps to
            reach it.
        steps: training steps per validation interval.
    """

    def __init__(self, config: TrainingConfig, steps: int) -> None:
        super().__init__()
        self.config = config
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the model's rate according to the steps done so far."""
        rise = self.config.scheduled_sampling_steps
        risen = min(1.0, epoch * self.steps / rise) if rise else 1.0
        self.model.sampler.rate.assign(self.config.scheduled_sampling * risen)


class CountSteps(keras.callbacks.Callback):
    """Logs the number of training steps so far as `step`."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the number to `logs` for all later callbacks."""
        if logs is not None:
            logs["step"] = (epoch + 1) * self.steps
