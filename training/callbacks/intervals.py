"""Sets what changes from one validation interval to the next: noise, sampling rate, step count."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..recipe.sections import TrainingConfig


class SeedDropout(keras.callbacks.Callback):
    """Seeds every epoch's dropout from the recipe's seed and the epoch alone.

    Keras keeps the state of its random numbers in variables that it does not save, so that a
    resumed run would go on with other noise.

    Args:
        seed: the recipe's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the state of each of the model's generators, two words of 32 bits."""
        variables = self.model.non_trainable_variables
        states = [variable for variable in variables if variable.name == "seed_generator_state"]
        words = np.random.SeedSequence([self.seed, epoch]).generate_state(2 * len(states))
        for state, pair in zip(states, words.reshape(-1, 2), strict=True):
            state.assign(pair)


class RaiseSampling(keras.callbacks.Callback):
    """Raises scheduled sampling's rate in a straight line, a validation interval at a time.

    Args:
        config: the recipe's last rate, and the steps until then.
        steps: steps of one of fit's epochs.
    """

    def __init__(self, config: TrainingConfig, steps: int) -> None:
        super().__init__()
        self.config = config
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the model's rate by how many steps it has taken."""
        rise = self.config.scheduled_sampling_steps
        risen = min(1.0, epoch * self.steps / rise) if rise else 1.0
        self.model.sampler.rate.assign(self.config.scheduled_sampling * risen)


class CountSteps(keras.callbacks.Callback):
    """Logs as `step` how many batches the model has seen.

    Args:
        steps: steps of one of fit's epochs.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the number to `logs` for all later callbacks."""
        if logs is not None:
            logs["step"] = (epoch + 1) * self.steps
