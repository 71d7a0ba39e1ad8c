"""Progress bars for long commands, with the time left.

Training is the exception: `keras_attention.training.callbacks.progress` shows its progress with
Keras's progress bar, which `model.fit` updates and which also prints the metrics.
"""

from __future__ import annotations

import sys
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
    TextColumn,
)
from rich.text import Text

Item = TypeVar("Item")

Advance = Callable[[int], None]
"""A function to call with the number of items finished since its last call."""


class Bar:
    """A bar whose speed is the mean since it was added, so that items may finish in batches.

    Args:
        progress: Draws the bars.
        description: The text before the bar.
        total: Number of items; None if it is not known.
        done: Number of items that were finished before.
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


def shows_progress(*, prints: bool = False) -> bool:
    """Return whether progress bars are shown: only if standard error is a terminal.

    Args:
        prints: Whether results are printed on standard output meanwhile. Then no bars are shown if
            that is a terminal too.
    """
    shown = sys.stderr is not None and sys.stderr.isatty()
    return shown and not (prints and sys.stdout.isatty())


@contextmanager
def progress_bars(
    *columns: ProgressColumn,
    console: Console | None = None,
    transient: bool = False,
    shown: bool = True,
) -> Iterator[Progress]:
    """Draw progress bars on a terminal, and nothing if the output is not a terminal.

    Args:
        *columns: The columns after the description and the bar.
        console: Where to draw; default standard error.
        transient: Whether to remove the bars at the end.
        shown: Whether to draw bars at all.

    Yields:
        The bars.
    """
    if console is None:
        console, shown = Console(stderr=True), shown and shows_progress()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=console,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # leave a pipe as it is
        disable=not (shown and console.is_terminal),
    ) as progress:
        yield progress


@contextmanager
def show_progress(
    total: int | None, *, unit: str, prints: bool = False, console: Console | None = None
) -> Iterator[Advance]:
    """Show the number of finished items, the rate and, if the total is known, the time left.

    A single item gets no bar.

    Args:
        total: Number of items; None if it is not known.
        unit: Plural name of the items, such as `lines`.
        prints: Whether results are printed on standard output meanwhile; see `shows_progress`.
        console: Where to draw; default standard error.

    Yields:
        A function to call with the number of items finished since its last call.
    """
    columns = MofNCompleteColumn(), RateColumn(unit), TimeLeftColumn()
    shown = total != 1 and (console is not None or shows_progress(prints=prints))
    with progress_bars(*columns, console=console, shown=shown) as progress:
        yield Bar(progress, unit, total).advance


def count_each(items: Iterable[Item], advance: Advance) -> Iterator[Item]:
    """Yield the items, and count each as finished when the next one is requested."""
    for item in items:
        yield item
        advance(1)
