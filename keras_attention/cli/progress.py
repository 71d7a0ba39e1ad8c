"""How far long work is, on standard error."""

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
"""Says that so many more are done."""


class RateColumn(ProgressColumn):
    """How many are done in a second.

    Args:
        unit: what is counted.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Returns the rate, once there is one."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.1f} {self.unit}/s")


@contextmanager
def show_progress(
    total: int | None, *, unit: str, console: Console | None = None
) -> Iterator[Advance]:
    """Shows how many are done, how fast and, where the total is known, the time that is left.

    Args:
        total: how many there are, if that is known.
        unit: what they are called, in the plural.
        console: where to; default standard error.

    Yields:
        A function that is told how many more are done.
    """
    columns = [
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        RateColumn(unit),
        TimeRemainingColumn(),
    ]
    console = console or Console(stderr=True)
    # What is printed meanwhile on standard output may be piped, and must not go elsewhere.
    with Progress(*columns, console=console, redirect_stdout=False) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)
