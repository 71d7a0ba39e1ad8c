"""Progress bars with the time left, for commands and for long calls from Python.

Training is the exception: `keras_attention.training.callbacks.progress` shows its progress with
Keras's progress bar, which `model.fit` updates and which also prints the metrics.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
)
from rich.text import Text

Item = TypeVar("Item")

Advance = Callable[[int], None]
"""A function to call with the number of items finished since its last call."""

DELAY = 2.0
"""Seconds before a call from Python shows its progress."""


class Bar:
    """A bar whose speed is the mean since it was added, so that items may finish in batches.

    Args:
        progress: Draws the bars.
        description: The text before the bar.
        total: Number of items; None if it is not known.
        done: Number of items that were finished before the bar was added.
    """

    def __init__(
        self, progress: Progress, description: str, total: int | None, *, done: int = 0
    ) -> None:
        self._progress = progress
        self._done: float = done
        self.task = progress.add_task(
            description, total=total, completed=done, first=done, last=None
        )

    def advance(self, count: float) -> None:
        """Add a number of finished items."""
        self.set(self._done + count)

    def set(self, done: float) -> None:
        """Set the number of finished items."""
        if done != self._done:
            self._done = done
            self._progress.update(self.task, completed=done, last=self._progress.get_time())


def _speed(task: Task) -> float | None:
    """Return the mean number of items finished per second; None if it is not known."""
    last, start = task.fields["last"], task.start_time
    if last is None or start is None or last <= start:
        return None
    return float(task.completed - task.fields["first"]) / (last - start)


class RateColumn(ProgressColumn):
    """A column with the number of items finished per second.

    Args:
        unit: Plural name of the items, such as `lines`.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate as text; empty until it is known."""
        rate = _speed(task)
        return Text("" if rate is None else f"{rate:,.1f} {self.unit}/s")


class TimeLeftColumn(ProgressColumn):
    """A column with the time left, in hours, minutes and seconds."""

    def render(self, task: Task) -> Text:
        """Return the time left as text, `-:--:--` until it is known."""
        rate = _speed(task)
        if not rate or task.total is None:
            return Text("-:--:--", style="progress.remaining")
        waited = task.get_time() - task.fields["last"]
        seconds = 0.0 if task.finished else (task.total - task.completed) / rate - waited
        return Text(str(timedelta(seconds=ceil(max(0.0, seconds)))), style="progress.remaining")


def count_each(items: Iterable[Item], advance: Advance) -> Iterator[Item]:
    """Yield the items, and count each as finished when the next one is requested."""
    for item in items:
        yield item
        advance(1)


def is_interactive() -> bool:
    """Return whether this is a notebook or a session of Python or IPython, not a script."""
    return hasattr(sys, "ps1")


@contextmanager
def report_progress(
    total: int | None, *, unit: str, delay: float = DELAY, console: Console | None = None
) -> Iterator[Advance]:
    """Show the progress of a call on standard error, once the call has taken some time.

    A notebook gets the same text as a terminal, so it needs no widgets.

    Args:
        total: Number of items; None if it is not known.
        unit: Plural name of the items, such as `texts`.
        delay: Seconds after which the bar appears, so that short calls print nothing.
        console: Where to draw. Default: standard error.
    """
    if console is None:
        notebook = True if "ipykernel" in sys.modules else None
        console = Console(stderr=True, force_terminal=notebook, force_jupyter=False)
    columns = MofNCompleteColumn(), RateColumn(unit), TimeLeftColumn()
    progress, begun = Progress(BarColumn(), *columns, console=console), time.monotonic()
    bar = Bar(progress, unit, total)

    def advance(count: int) -> None:
        bar.advance(count)
        if time.monotonic() - begun >= delay:
            progress.start()  # does nothing if it has started

    try:
        yield advance
    finally:
        progress.stop()
