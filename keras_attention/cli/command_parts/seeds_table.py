"""The table of `train --seeds`: the metric of each seed, their mean and the ensemble."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from keras_attention.training.metrics.metric_kinds import format_value
from keras_attention.training.seeds.seeds_report import read_report


def print_seeds(folder: Path) -> None:
    """Print the metric of each member and of an ensemble; nothing if no pairs are held out."""
    report = read_report(folder)
    if report is None or report.ensemble is None:
        return

    def shown(value: float) -> str:
        return format_value(report.metric, value)

    table = Table("seed", report.metric)
    table.columns[1].justify = "right"
    for seed, value in report.seeds.items():
        table.add_row(seed, shown(value))
    table.add_section()
    table.add_row("mean", shown(report.spread.mean))
    table.add_row("standard deviation", shown(report.spread.deviation))
    table.add_row("ensemble", shown(report.ensemble))
    Console(highlight=False).print(table)
