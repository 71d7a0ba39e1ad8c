"""The tables and plots of `compare`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keras_attention.alignment.links import HIGH_ERROR
from keras_attention.training.compare.comparison_plots import plot_comparison
from keras_attention.training.compare.comparison_table import (
    Row,
    format_tables,
    poorly_aligned,
    save_table,
)

_WIDTH = 160
"""Width of a table, in characters, if the output is not a terminal."""


def report_comparison(
    rows: Sequence[Row], lengths: Sequence[str], folder: Path, *, seeds: int
) -> None:
    """Print, save and plot the quality of the variants.

    Args:
        rows: A row for each variant.
        lengths: Names of the source lengths that were tested.
        folder: The folder of the tables and the plots.
        seeds: Number of runs of each variant.
    """
    for cells in format_tables(rows, lengths):
        _print(cells)
    if seeds > 1:
        print(f"mean of {seeds} seeds (smallest–largest)")
    if poor := poorly_aligned(rows):
        print(
            f"note: the attention weights of these variants align poorly, with an alignment error "
            f"rate over {HIGH_ERROR:.0%}: {', '.join(poor)}."
        )
    paths = save_table(rows, folder, lengths)
    for path in [*paths, *plot_comparison(rows, folder, lengths)]:
        print(f"Wrote {path}")


def _print(cells: Sequence[Sequence[str]]) -> None:
    table = Table(*cells[0])
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for line in cells[1:]:
        table.add_row(*map(Text, line))
    width = None if sys.stdout.isatty() else _WIDTH
    Console(highlight=False, width=width).print(table)
