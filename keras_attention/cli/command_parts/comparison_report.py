"""The tables and plots of `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_attention.alignment.links import HIGH_ERROR
from keras_attention.cli.output import print_table
from keras_attention.training.compare.comparison_plots import plot_comparison
from keras_attention.training.compare.comparison_table import (
    Row,
    format_tables,
    poorly_aligned,
    save_table,
)


def report_comparison(
    rows: Sequence[Row], lengths: Sequence[str], folder: Path, *, seeds: int
) -> None:
    """Print, save and plot the quality of the variants."""
    for cells in format_tables(rows, lengths):
        print_table(cells, justify="right")
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
