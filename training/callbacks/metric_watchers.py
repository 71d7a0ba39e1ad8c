"""What watches the held-out metric: keeping the best, stopping early, smaller steps on a plateau.

All of them begin with what `metrics.csv` has, so that a resumed run decides as an uninterrupted
one. Keras's own callbacks forget what they have seen when a run is killed, and keep NaN as the best
value for ever where it comes first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from keras_attention.translation.translator import Translator

from ..recipe.sections import TrainingConfig
from ..run.run_folder import RunFolder


class MetricWatcher(keras.callbacks.Callback):
    """Has all values of the held-out metric so far, signed so that more is better.

    Args:
        run: the run folder.
        monitor: the metric's name in the logs.
        higher_is_better: whether more of the metric is better.
    """

    def __init__(self, run: RunFolder, monitor: str, *, higher_is_better: bool = True) -> None:
        super().__init__()
        self.monitor = monitor
        self._sign = 1 if higher_is_better else -1
        self.values = [self._signed(value) for value in run.values(monitor)]

    def _signed(self, value: float) -> float:
        # NaN compares as neither better nor worse, and would stay the best for ever.
        return float("-inf") if math.isnan(value) else self._sign * value

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes note of the metric, where something is held out."""
        value = (logs or {}).get(self.monitor)
        if value is not None:
            self.values.append(self._signed(value))


class KeepBest(MetricWatcher):
    """Saves the translator whenever the held-out metric reaches a new best.

    Of equal values the one with the lowest held-out loss is the best: a metric that stays at 0 or
    1 tells nothing, the loss does.

    Args:
        run: the run folder.
        monitor: the metric's name in the logs.
        translator: the model in training, with its tokenizers.
        **options: as `MetricWatcher` takes them.
    """

    def __init__(
        self, run: RunFolder, monitor: str, translator: Translator, **options: bool
    ) -> None:
        super().__init__(run, monitor, **options)
        self.folder = run.path
        self.translator = translator
        self._losses = [_loss_of(row) for row in run.metrics() if monitor in row]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if this epoch is the best; every epoch is, where nothing is held out."""
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
    """The held-out loss, 0 where there is none, and infinite where it is not a number."""
    loss = logs.get("val_loss", 0.0)
    return float("inf") if math.isnan(loss) else loss


class StopEarly(MetricWatcher):
    """Stops where the held-out metric has not improved for long.

    Args:
        run: the run folder.
        monitor: the metric's name in the logs.
        patience: how many validations in a row may be without a new best; at least 1.
        **options: as `MetricWatcher` takes them.
    """

    def __init__(self, run: RunFolder, monitor: str, patience: int, **options: bool) -> None:
        super().__init__(run, monitor, **options)
        self.patience = patience

    @property
    def is_over(self) -> bool:
        """Whether the patience is at an end."""
        values = self.values
        return bool(values) and len(values) - 1 - values.index(max(values)) >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the fit, once the patience is at an end."""
        super().on_epoch_end(epoch, logs)
        if self.is_over:
            self.model.stop_training = True


class LowerOnPlateau(MetricWatcher):
    """Multiplies the step size by a factor wherever the held-out metric stopped improving.

    Args:
        run: the run folder.
        monitor: the metric's name in the logs.
        config: the recipe's step size, its factor and its patience.
        **options: as `MetricWatcher` takes them.
    """

    def __init__(
        self, run: RunFolder, monitor: str, config: TrainingConfig, **options: bool
    ) -> None:
        super().__init__(run, monitor, **options)
        self.config = config

    @property
    def plateaus(self) -> int:
        """How many there were so far; the patience begins anew after each."""
        best, waited, found = float("-inf"), 0, 0
        for value in self.values:
            waited = 0 if value > best else waited + 1
            best = max(best, value)
            if waited == self.config.plateau_patience:
                found, waited = found + 1, 0
        return found

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the step size."""
        rate = self.config.learning_rate * self.config.plateau_factor**self.plateaus
        self.model.optimizer.learning_rate = rate
