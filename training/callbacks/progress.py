"""Reports of training progress: the current step, the time left and the best epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_attention.files.path_errors import errors_of_writing

from ..metrics.metric_kinds import METRICS, format_value
from ..recipe.training_config import TrainingConfig
from ..run.run_folder import RunFolder
from ..run.training_plan import TrainingPlan

REPORT_EVERY = 60.0
"""Seconds between progress lines within a validation interval, if there is no terminal."""


class TimeLeft:
    """An estimate of the time left, from the mean time of the steps so far."""

    def __init__(self, plan: TrainingPlan, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self.clock = clock
        self._first = 0
        self._begun: float | None = None

    def start(self, step: int) -> None:
        """Start the clock after `step` steps of earlier sessions, unless it is running already."""
        if self._begun is None:
            self._first, self._begun = step, self.clock()

    def seconds(self, step: int) -> float | None:
        """Return the seconds left after a step; None before the first step of this session."""
        if self._begun is None or step <= self._first:
            return None
        seconds_per_step = (self.clock() - self._begun) / (step - self._first)
        return seconds_per_step * (self.plan.steps - step)

    def words(self, step: int) -> str:
        """Return the time left in words, or "" if it is unknown or the run is over."""
        left = self.seconds(step)
        return f"about {format_seconds(left)} left" if left else ""


class LogProgress(keras.callbacks.Callback):
    """Prints a line after every validation, and every minute between validations."""

    def __init__(self, plan: TrainingPlan, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.plan = plan
        self.left = TimeLeft(plan, clock)
        self._clock = clock
        self._begun = self._last = 0.0
        self._step = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the time at which the validation interval begins."""
        self._step = epoch * self.plan.interval
        self.left.start(self._step)
        self._begun = self._last = self._clock()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the current step and loss, if nothing was printed for a minute."""
        if self._clock() - self._last < REPORT_EVERY:
            return
        step = self._step + batch + 1
        self._print(step, {"loss": (logs or {}).get("loss", float("nan"))})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print all metrics and the time that the validation interval took."""
        values = {name: value for name, value in (logs or {}).items() if name != "step"}
        step = self._step + self.plan.interval
        self._print(step, values, f"{format_seconds(self._clock() - self._begun)}")

    def _print(self, step: int, values: Mapping[str, float], *more: str) -> None:
        numbers = [f"{name} {value:.4f}" for name, value in values.items()]
        parts = [self.plan.place(step), *numbers, *more, self.left.words(step)]
        _print_line("  ".join(filter(None, parts)))
        self._last = self._clock()


class ShowProgress(keras.callbacks.ProgbarLogger):  # type: ignore[misc]
    """Keras's progress bar for a terminal, with the recipe's epochs instead of fit's epochs."""

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__()
        self.plan = plan
        self.left = TimeLeft(plan)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the step of the next validation and the time left, and start a bar."""
        done = epoch * self.plan.interval
        self.left.start(done)
        now = self.plan.epoch(done + self.plan.interval)
        heading = f"to epoch {now} of {self.plan.epochs}, step {done + self.plan.interval:,}"
        _print_line(", ".join(filter(None, (heading, self.left.words(done)))))
        self.epochs = 1  # with more epochs, Keras would print its own heading
        super().on_epoch_begin(epoch, logs)


def make_progress(plan: TrainingPlan) -> keras.callbacks.Callback:
    """Return the callback that shows progress: a bar on a terminal, otherwise lines."""
    return ShowProgress(plan) if sys.stdout.isatty() else LogProgress(plan)


def format_seconds(seconds: float) -> str:
    """Return a duration in words.

    Example:
        >>> format_seconds(59.6), format_seconds(150), format_seconds(3900)
        ('60 s', '2 min', '1 h 05 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def describe_best(config: TrainingConfig, run: RunFolder, plan: TrainingPlan) -> str:
    """Return a message that names the kept epoch and, if training ended early, the reason."""
    metric = config.metric
    monitor, best = f"val_{metric}", run.best_row(metric)
    if best is None:
        return "No pairs are held out: the model after the last epoch is kept."
    rows = [row for row in run.metrics() if monitor in row]
    first = next(row for row in rows if row[monitor] == best[monitor])
    value, perfect = (
        format_value(metric, number) for number in (best[monitor], METRICS[metric].perfect)
    )
    begun, when, last = (plan.epoch(_step(row, plan)) for row in (first, best, rows[-1]))
    message = f"The best {monitor}, {value}, was reached after epoch {begun}; this model is kept."
    if best != first:
        message = (
            f"The best {monitor}, {value}, was first reached after epoch {begun}; the model after "
            f"epoch {when} is kept, because it has the same value and a lower held-out loss."
        )
    if _step(rows[-1], plan) < plan.steps:
        message += (
            f" Training stopped after epoch {last} of {plan.epochs} "
            f"(training.patience={config.patience}), because no value after epoch {begun} was "
            "better; an equal value is not better."
        )
    elif first is rows[-1] is not rows[0] and value != perfect:
        longer = "continue with --resume --set epochs=N"
        if config.schedule == "cosine":  # the schedule ends with the last epoch
            longer = "start a new run with more training.epochs"
        message += f" No earlier value was as good, so longer training may help: {longer}."
    return message


def _step(row: Mapping[str, float], plan: TrainingPlan) -> float:
    return row.get("step", (row["epoch"] + 1) * plan.interval)


def _print_line(line: str) -> None:
    """Print a line. If this fails, the error names standard output instead of the run folder."""
    with errors_of_writing("standard output"):
        print(line, flush=True)
