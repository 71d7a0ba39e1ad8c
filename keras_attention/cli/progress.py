"""The progress bars of commands, which are drawn on terminals only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from keras_attention.progress import Advance as Advance
from keras_attention.progress import Bar as Bar
from keras_attention.progress import RateColumn
from keras_attention.progress import TimeLeftColumn as TimeLeftColumn
from keras_attention.progress import count_each as count_each


def shows_progress(*, prints: bool = False) -> bool:
    """Return whether progress bars are shown: only if standard error is a terminal.

    Args:
        prints: Whether results are printed on standard output at the same time. If so, no bars are
            shown if standard output is a terminal too.
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
        console: Where to draw. Default: standard error.
        transient: Whether to remove the bars at the end.
        shown: Whether to draw bars at all.
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
    total: int | None,
    *,
    unit: str,
    done: int = 0,
    prints: bool = False,
    console: Console | None = None,
) -> Iterator[Advance]:
    """Show the number of finished items, the rate and, if the total is known, the time left.

    A single item gets no bar.

    Args:
        total: Number of items; None if it is not known.
        unit: Plural name of the items, such as `lines`.
        done: Number of items that were finished before; the rate does not count them.
        prints: Whether results are printed at the same time; see `shows_progress`.
        console: Where to draw. Default: standard error.
    """
    columns = MofNCompleteColumn(), RateColumn(unit), TimeLeftColumn()
    shown = total != 1 and (console is not None or shows_progress(prints=prints))
    with progress_bars(*columns, console=console, shown=shown) as progress:
        yield Bar(progress, unit, total, done=done).advance
