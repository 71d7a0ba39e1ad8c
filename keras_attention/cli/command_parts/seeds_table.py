"""The table of `train --seeds`: the metric of each seed, the mean, and the ensemble's metric."""

from __future__ import annotations

from pathlib import Path

from keras_attention.cli.output import print_table
from keras_attention.training.metrics.metric_kinds import format_value
from keras_attention.training.seeds.seeds_report import read_report


def print_seeds(folder: Path) -> None:
    """Print the metric of each member and of an ensemble; nothing if no pairs are held out."""
    report = read_report(folder)
    if report is None or report.ensemble is None:
        return
    values = {
        **report.seeds,
        "mean": report.spread.mean,
        "standard deviation": report.spread.deviation,
        "ensemble": report.ensemble,
    }
    rows = [(name, format_value(report.metric, value)) for name, value in values.items()]
    print_table([("seed", report.metric), *rows], justify="right")
