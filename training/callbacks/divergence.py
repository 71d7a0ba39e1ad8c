"""The callback that stops a diverging run before its weights are saved."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from keras_attention.errors import InputError
from keras_attention.translation.file_names import MODEL_FILE
from keras_attention.translation.model_files import has_finite_weights

from ..recipe.training_config import TrainingConfig
from ..run.run_folder import RunFolder
from ..run.training_plan import TrainingPlan

EXPLODED = 5.0
"""Training has diverged if the mean loss is above the cross-entropy of uniform predictions times
this factor."""


class DivergedError(InputError):
    """An error about a training run whose loss or weights have diverged."""


class StopDiverged(keras.callbacks.Callback):
    """Raises an error as soon as training diverges. Files that were saved before stay unchanged.

    Training has diverged if the loss of a step is not finite, if a weight is not finite or the
    held-out loss is NaN at a validation, or if the mean loss of a validation interval exceeds five
    times `log V`, the cross-entropy of uniform predictions over `V` target tokens. This limit is
    multiplied by 1 + `training.guided_alignment` + `training.coverage_loss` + `training.r_drop`,
    and then raised by the penalty of `training.l2` on the weights.

    This callback must come before all callbacks that validate, save or log.

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
        """Compute the squared norm of the weights, if the loss includes it."""
        self._first = epoch * self.plan.interval
        self._norm = self._squared_norm()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the mean loss so far. If the loss of a step is not finite, neither is the mean."""
        self._step = self._first + batch + 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self._fail(f"the loss is not a finite number ({loss})")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the weights and the mean loss of the validation interval."""
        if not has_finite_weights(self.model):
            self._fail("a weight of the model is not a finite number")
        if math.isnan((logs or {}).get("val_loss", 0.0)):
            self._fail("the held-out loss is nan")
        loss = float((logs or {}).get("loss", 0.0))
        config = self.config
        weight = 1 + config.guided_alignment + config.coverage_loss + config.r_drop
        limit = EXPLODED * weight * self.uniform
        limit += self.config.l2 * max(self._norm, self._squared_norm())
        if loss > limit:
            self._fail(
                f"the mean loss, {loss:.4g}, exceeds the limit of {limit:.4g}, while uniform "
                f"predictions have a cross-entropy of {self.uniform:.3g}"
            )

    def _squared_norm(self) -> float:
        if not self.config.l2:
            return 0.0
        matrices = [v for v in self.model.trainable_variables if len(v.shape) > 1]
        arrays = [keras.ops.convert_to_numpy(matrix) for matrix in matrices]
        return float(sum(np.sum(np.square(array, dtype="float64")) for array in arrays))

    def _fail(self, problem: str) -> None:
        epoch = (self._step - 1) // self.plan.steps_per_epoch + 1
        raise DivergedError(
            f"training diverged in epoch {epoch}, step {self._step}: {problem}. {self._advice()}"
        )

    def _advice(self) -> str:
        config, path = self.config, self.run.path
        clip = "" if config.clip_norm else " or set training.clip_norm (now 0, no clipping)"
        lower = f"Lower training.learning_rate (now {config.learning_rate:g}){clip}"
        if (path / MODEL_FILE).is_file():
            return (
                f"The best earlier model is kept in {path}. --resume uses the same settings and "
                f"would diverge again. {lower}, and start a new run in another folder."
            )
        return f"No model has been saved. {lower}, and start again with --overwrite ({path})."
