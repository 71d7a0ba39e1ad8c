"""The times of training: seconds and target tokens per second of every validation interval."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import keras

from keras_attention.errors import InputError
from keras_attention.files.number_table import read_numbers

TIMES_FILE = "times.csv"
_COLUMNS = ("epoch", "seconds", "tokens_per_second")
_WARM_UP = 10


class Stopwatch(keras.callbacks.Callback):
    """Appends a line to `times.csv` after every validation interval.

    `seconds` is the time of the whole interval, with validation and saving. `tokens_per_second`
    counts training steps only. It leaves out the first ten steps (but at most half of all steps),
    because they trace the graph and fill buffers. This callback must be the last one, so that
    `seconds` includes the time of the others.

    Args:
        folder: the run folder.
        tokens_per_step: mean number of target tokens per batch, including `</s>` but not padding.
        steps: training steps per validation interval.
        clock: a function that returns the time in seconds.

    Raises:
        InputError: if the folder's `times.csv` is damaged.
    """

    def __init__(
        self,
        folder: Path,
        tokens_per_step: float,
        steps: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        read_times(folder)  # refuse a damaged file before the first step
        self.path = folder / TIMES_FILE
        self.tokens_per_step = tokens_per_step
        self.skipped = min(_WARM_UP, steps // 2)
        self._clock = clock
        self._begun = self._warm = self._last = 0.0
        self._steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._begun = self._warm = self._clock()
        self._steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the times at which the last skipped step and the last step ended."""
        self._steps += 1
        self._last = self._clock()
        if self._steps == self.skipped:
            self._warm = self._last

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append the line of this interval."""
        tokens = self.tokens_per_step * (self._steps - self.skipped)
        speed = tokens / max(self._last - self._warm, 1e-9)
        is_new = not self.path.is_file()
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(_COLUMNS)
            writer.writerow([epoch, f"{self._clock() - self._begun:.3f}", f"{speed:.1f}"])


class Times(NamedTuple):
    """The duration and the speed of a run.

    Attributes:
        minutes: total time of all validation intervals, without the start of the program.
        tokens_per_second: median of the validation intervals, from training steps only.
    """

    minutes: float
    tokens_per_second: float


def read_times(folder: Path) -> Times | None:
    """Read the times that `Stopwatch` wrote. An interval that was trained again counts once.

    Returns:
        The duration and the speed of the run, or `None` if there are no times.
    """
    path = folder / TIMES_FILE
    intervals: dict[float, tuple[float, float]] = {}
    for row in read_numbers(path)[1]:
        if not row.keys() >= set(_COLUMNS):
            raise InputError(
                f"{path}: damaged, expected the columns {', '.join(_COLUMNS)}. "
                f"Received: {', '.join(row)}."
            )
        epoch, seconds, speed = (row[name] for name in _COLUMNS)
        intervals[epoch] = (seconds, speed)
    if not intervals:
        return None
    minutes = sum(seconds for seconds, _ in intervals.values()) / 60
    return Times(minutes, median(speed for _, speed in intervals.values()))
