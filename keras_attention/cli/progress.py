"""Shows the progress of long work on standard error."""

from __future__ import annotations

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
"""A function that is called with the number of items finished since its last call."""


class RateColumn(ProgressColumn):
    """A column with the number of items finished per second.

    Args:
        unit: name of the items, in the plural.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate, once it is known."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.1f} {self.unit}/s")


@contextmanager
def show_progress(
    total: int | None, *, unit: str, console: Console | None = None
) -> Iterator[Advance]:
    """Show the number of finished items, the rate and, if the total is known, the time left.

    Args:
        total: number of items, if that is known.
        unit: name of the items, in the plural.
        console: where to draw; default standard error.

    Yields:
        A function to call with the number of items finished since its last call.
    """
    columns = [
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        RateColumn(unit),
        TimeRemainingColumn(),
    ]
    console = console or Console(stderr=True)
    # Standard output may be piped, so rich must not redirect what is printed there.
    with Progress(*columns, console=console, redirect_stdout=False) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)
