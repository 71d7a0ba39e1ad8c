"""Progress bars for long commands, with the time left.

Training is the exception: `keras_attention.training.callbacks.progress` shows its progress with
Keras's progress bar, which `model.fit` updates and which also prints the metrics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

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


@contextmanager
def progress_bars(
    *columns: ProgressColumn, console: Console | None = None, transient: bool = False
) -> Iterator[Progress]:
    """Draw bars on a terminal, and nothing elsewhere.

    Args:
        *columns: What follows the description and the bar.
        console: Where to draw; default standard error.
        transient: Whether the bars are removed at the end.

    Yields:
        The bars.
    """
    console = console or Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=console,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # what is piped must not be redirected
        disable=not console.is_terminal,
    ) as progress:
        yield progress


@contextmanager
def show_progress(
    total: int | None, *, unit: str, console: Console | None = None
) -> Iterator[Advance]:
    """Show the number of finished items, the rate and, if the total is known, the time left.

    Args:
        total: Number of items, if that is known.
        unit: Name of the items, in the plural.
        console: Where to draw; default standard error.

    Yields:
        A function to call with the number of items finished since its last call.
    """
    columns = MofNCompleteColumn(), RateColumn(unit), TimeRemainingColumn()
    with progress_bars(*columns, console=console) as progress:
        task = progress.add_task(unit, total=total)
        yield lambda count: progress.advance(task, count)
