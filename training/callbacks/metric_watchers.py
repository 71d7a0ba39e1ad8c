"""Callbacks that depend on the held-out metric: keep the best, stop early, lower the learning rate.

All of them start with the values in `metrics.csv`, so that a resumed run makes the same decisions
as an uninterrupted one. Keras's own callbacks lose these values when a run is killed, and if the
first value is NaN, they treat it as the best forever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from keras_attention.translation.translator import Translator

from ..recipe.training_config import TrainingConfig
from ..run.run_folder import RunFolder


class MetricWatcher(keras.callbacks.Callback):
    """Base class that collects the held-out metric, with its sign set so that higher is better."""

    def __init__(self, run: RunFolder, monitor: str, *, higher_is_better: bool = True) -> None:
        super().__init__()
        self.monitor = monitor
        self._sign = 1 if higher_is_better else -1
        self.values = [self._signed(value) for value in run.values(monitor)]

    def _signed(self, value: float) -> float:
        # Every comparison with NaN is false, so NaN would stay the best value forever.
        return float("-inf") if math.isnan(value) else self._sign * value

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the metric to the values, if pairs are held out."""
        value = (logs or {}).get(self.monitor)
        if value is not None:
            self.values.append(self._signed(value))


class KeepBest(MetricWatcher):
    """Saves the translator whenever the held-out metric reaches a new best.

    If the metric is equal, the lower held-out loss decides, because a metric that stays at 0 or 1
    cannot distinguish models.
    """

    def __init__(
        self, run: RunFolder, monitor: str, translator: Translator, **options: bool
    ) -> None:
        super().__init__(run, monitor, **options)
        self.folder = run.path
        self.translator = translator
        self._losses = [_loss_of(row) for row in run.metrics() if monitor in row]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if this epoch is the best. Save every epoch if no pairs are held out."""
        before = self._best()
        super().on_epoch_end(epoch, logs)
        if self.values:
            self._losses.append(_loss_of(logs or {}))
        if not self.values or self._best() > before:
            self.translator.save(self.folder)

    def _best(self) -> tuple[float, float]:
        negated = (-loss for loss in self._losses)
        return max(zip(self.values, negated, strict=True), default=(float("-inf"), 0.0))


def _loss_of(logs: Mapping[str, float]) -> float:
    """Return the held-out loss, 0 if there is none, and infinity instead of NaN."""
    loss = logs.get("val_loss", 0.0)
    return float("inf") if math.isnan(loss) else loss


class StopEarly(MetricWatcher):
    """Stops training when the held-out metric has not improved for a number of validations."""

    def __init__(self, run: RunFolder, monitor: str, patience: int, **options: bool) -> None:
        super().__init__(run, monitor, **options)
        self.patience = patience

    @property
    def is_over(self) -> bool:
        """Whether the last `patience` validations brought no new best."""
        values = self.values
        return bool(values) and len(values) - 1 - values.index(max(values)) >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop training if the last `patience` validations brought no new best."""
        super().on_epoch_end(epoch, logs)
        if self.is_over:
            self.model.stop_training = True


class LowerOnPlateau(MetricWatcher):
    """Multiplies the learning rate by a factor whenever the held-out metric stops improving."""

    def __init__(
        self, run: RunFolder, monitor: str, config: TrainingConfig, **options: bool
    ) -> None:
        super().__init__(run, monitor, **options)
        self.config = config

    @property
    def plateaus(self) -> int:
        """The number of plateaus so far. After each, the count of validations starts again."""
        best, waited, found = float("-inf"), 0, 0
        for value in self.values:
            waited = 0 if value > best else waited + 1
            best = max(best, value)
            if waited == self.config.plateau_patience:
                found, waited = found + 1, 0
        return found

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the learning rate according to the plateaus so far."""
        rate = self.config.learning_rate * self.config.plateau_factor**self.plateaus
        self.model.optimizer.learning_rate = rate
