"""Stops a training run that diverges, before anything of it is kept."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from keras_attention.errors import InputError
from keras_attention.translation.file_names import MODEL_FILE
from keras_attention.translation.model_files import has_finite_weights

from ..recipe.sections import TrainingConfig
from ..run.run_folder import RunFolder
from ..run.training_plan import TrainingPlan

EXPLODED = 5.0
"""Factor on the loss of uniform predictions above which a mean loss means divergence."""


class DivergedError(InputError):
    """An error about a training run whose loss or weights have become useless."""


class StopDiverged(keras.callbacks.Callback):
    """Raises an error as soon as training diverges; what was kept before stays as it is.

    Training has diverged where the loss of a step or a weight before validation is not a finite
    number, where the held-out loss is NaN, or where the mean loss between two validations exceeds
    five times `log V`, the cross-entropy of a model that finds all `V` target tokens equally
    likely. Regularisation is allowed for: the squared norm under `training.l2`, and as much again
    for each unit of `training.guided_alignment` and `training.coverage_loss`.

    It must come before all callbacks that validate, save or log.

    Args:
        run: The run folder.
        config: The recipe's training section.
        vocabulary_size: Number of target tokens `V`.
        plan: The length of the run.

    Raises:
        DivergedError: If training has diverged.
    """

    def __init__(
        self,
        run: RunFolder,
        config: TrainingConfig,
        vocabulary_size: int,
        plan: TrainingPlan,
    ) -> None:
        super().__init__()
        self.run = run
        self.config = config
        self.uniform = math.log(vocabulary_size)
        self.plan = plan
        self._first = self._step = 0
        self._norm = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Computes the squared norm of the weights, if the loss includes it."""
        self._first = epoch * self.plan.interval
        self._norm = self._squared_norm()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the loss; Keras gives the mean so far, in which one bad step stays."""
        self._step = self._first + batch + 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self._fail(f"the loss is not a finite number ({loss})")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the weights and the mean loss of the validation interval."""
        if not has_finite_weights(self.model):
            self._fail("a weight of the model is not a finite number")
        if math.isnan((logs or {}).get("val_loss", 0.0)):
            self._fail("the held-out loss is not a number (nan)")
        loss = float((logs or {}).get("loss", 0.0))
        weight = 1 + self.config.guided_alignment + self.config.coverage_loss
        most = EXPLODED * weight * self.uniform
        most += self.config.l2 * max(self._norm, self._squared_norm())
        if loss > most:
            self._fail(
                f"the mean loss, {loss:.4g}, is over {most:.4g}, far above the {self.uniform:.3g} "
                "of a model that knows nothing"
            )

    def _squared_norm(self) -> float:
        if not self.config.l2:
            return 0.0
        matrices = [v for v in self.model.trainable_variables if len(v.shape) > 1]
        arrays = [keras.ops.convert_to_numpy(matrix) for matrix in matrices]
        return float(sum(np.sum(np.square(array, dtype="float64")) for array in arrays))

    def _fail(self, what: str) -> None:
        epoch = (self._step - 1) // self.plan.steps_per_epoch + 1
        raise DivergedError(
            f"training diverged in epoch {epoch}, step {self._step}: {what}. {self._advice()}"
        )

    def _advice(self) -> str:
        config, path = self.config, self.run.path
        clip = "" if config.clip_norm else " or set training.clip_norm (now 0, no limit)"
        lower = f"Lower training.learning_rate (now {config.learning_rate:g}){clip}"
        if (path / MODEL_FILE).is_file():
            return (
                f"The best model before that is kept in {path}; --resume keeps the settings, and "
                f"would diverge again. {lower}, and start a new run in another folder."
            )
        return f"There is no model yet. {lower}, and start again with --overwrite ({path})."
