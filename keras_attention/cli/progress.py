"""Progress bars for long commands, with the time left.

Training is the exception: `keras_attention.training.callbacks.progress` shows its progress with
Keras's progress bar, which `model.fit` updates and which also prints the metrics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_PERIOD = 3600.0
"""Seconds over which the speed is averaged: a run or a batch may take minutes."""

Item = TypeVar("Item")

Advance = Callable[[int], None]
"""A function to call with the number of items finished since its last call."""


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
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.1f} {self.unit}/s")


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
        speed_estimate_period=_PERIOD,
        redirect_stdout=sys.stdout.isatty(),  # what is piped must not be redirected
        disable=not (shown and console.is_terminal),
    ) as progress:
        yield progress


def add_bar(progress: Progress, description: str, total: float | None) -> TaskID:
    """Add a bar whose time left is known as soon as its first items are finished.

    Args:
        progress: The bars.
        description: The text before the bar.
        total: Number of items; None if it is not known.
    """
    task = progress.add_task(description, total=total)
    progress.advance(task, 0)  # rich measures the speed from the first call on
    return task


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
    columns = MofNCompleteColumn(), RateColumn(unit), TimeRemainingColumn()
    shown = total != 1 and (console is not None or shows_progress(prints=prints))
    with progress_bars(*columns, console=console, shown=shown) as progress:
        task = add_bar(progress, unit, total)
        yield lambda count: progress.advance(task, count)


def count_each(items: Iterable[Item], advance: Advance) -> Iterator[Item]:
    """Yield the items, and count each as finished when the next one is requested."""
    for item in items:
        yield item
        advance(1)
