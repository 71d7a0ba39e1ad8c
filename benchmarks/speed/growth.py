"""How does the cost grow with source length, target length, batch size and vocabulary?

python benchmarks/speed/growth.py --picture benchmarks/results/growth.png

Varies one of the four sizes; the others stay at source 16, target 16, batch 16 and 8,000 tokens.
Measures the time and memory of a training step, and of a greedy search with as many steps as the
target has, first on one core and then on two. The ids are random, without padding.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import report
from driver import CORES, FULL, TINY, Run, Worker, parser, pin, versions_of
from matplotlib.figure import Figure

from keras_attention.visualization.figure_style import (
    add_legend,
    check_picture,
    line_style,
    open_up,
    save_figure,
)
from keras_attention.visualization.fonts import lettering_for

BASE = {"source": 16, "target": 16, "batch": 16, "vocabulary": 8000}
SWEEPS = {
    "source": (8, 16, 32, 64, 128, 256, 512),
    "target": (8, 16, 32, 64, 128, 256, 512),
    "batch": (1, 4, 16, 64, 256),
    "vocabulary": (100, 1000, 8000, 32000),
}
QUICK = {"source": (8, 64), "target": (8, 64), "batch": (1, 32), "vocabulary": (100, 8000)}
SMALL = {"source": (4, 8), "target": (4, 8), "batch": (1, 4), "vocabulary": (50, 100)}


def points(run: Run) -> list[tuple[str, dict[str, int]]]:
    """Return all points to measure, each with the name of the size that varies.

    The points are grouped by vocabulary.

    Points with the same vocabulary size share a model.
    """
    tiny, quick = run.options.tiny, run.options.quick
    base = {"source": 4, "target": 4, "batch": 4, "vocabulary": 50} if tiny else BASE
    sweeps = SMALL if tiny else QUICK if quick else SWEEPS
    found = [
        (changed, {**base, changed: value})
        for changed, values in sweeps.items()
        for value in values
    ]
    return sorted(found, key=lambda point: point[1]["vocabulary"] != base["vocabulary"])


def measure(
    run: Run, worker: Worker, sizes: dict[str, int], threads: int, attention: str
) -> dict[str, Any]:
    """Return a row: seconds of a training step and of a search, and memory."""
    least = 0.0 if run.options.tiny else 0.1 if run.options.quick else run.options.seconds
    train = worker.ask("train", **sizes, least=least)
    search = worker.ask("search", **sizes, least=least)
    return {
        "attention": attention,
        "threads": threads,
        **sizes,
        "train s, wall": train["wall"],
        "train s, cpu": train["cpu"],
        "train tokens/s": train["tokens"] / train["wall"],
        "train MiB": train["peak_mib"],
        "search s, wall": search["wall"],
        "search s, cpu": search["cpu"],
        "search tokens/s": search["tokens"] / search["wall"],
        "search MiB": search["peak_mib"],
    }


def slopes(rows: list[dict[str, Any]]) -> None:
    """Add the exponent of growth since the previous row; 1 means proportional growth."""
    for before, row in zip([{}, *rows], rows, strict=False):
        changed = row["changed"]
        same = all(before.get(key) == row[key] for key in ("changed", "threads", "attention"))
        if same:
            grown = math.log(row["train s, wall"] / before["train s, wall"])
            row["exponent"] = grown / math.log(row[changed] / before[changed])


def draw(rows: list[dict[str, Any]], path: Path | None) -> None:
    """Plot seconds of a training step and of a search, with a panel per varied size."""
    figure = Figure(figsize=(9.6, 7.2), layout="constrained")
    kinds = [
        (attention, threads, what)
        for attention in dict.fromkeys(row["attention"] for row in rows)
        for threads in dict.fromkeys(row["threads"] for row in rows)
        for what in ("train", "search")
    ]
    for axes, changed in zip(figure.subplots(2, 2).flat, SWEEPS, strict=True):
        for index, (attention, threads, what) in enumerate(kinds):
            chosen = [
                (row[changed], row[f"{what} s, wall"])
                for row in rows
                if (row["attention"], row["threads"]) == (attention, threads)
                and row["changed"] == changed
            ]
            label = f"{what}, {attention}, threads: {threads}" if changed == "source" else None
            axes.plot(*zip(*chosen, strict=True), label=label, **line_style(index))
        axes.set(xscale="log", yscale="log", xlabel=changed, ylabel="seconds")
        open_up(axes)
    add_legend(figure, lettering_for(["threads"]))
    save_figure(figure, path)


def main() -> None:
    options = parser(__doc__ or "", "growing")
    options.add_argument("--seconds", type=float, default=3.0, help="seconds of every measurement")
    options.add_argument("--picture", type=Path, help="file for the plot")
    run = Run.of(options.parse_args(), rounds=1)
    check_picture(run.options.picture)
    rows, versions = [], {}
    for threads in (1,) if len(CORES) < 2 or run.options.quick else (1, 2):
        pin(threads)
        for attention in run.attentions:
            config = {**(TINY if run.options.tiny else FULL), "attention": attention}
            worker = Worker("growing", run.options.pythons["growing"], config, threads)
            for changed, sizes in points(run):
                row = measure(run, worker, sizes, threads, attention)
                rows.append({"changed": changed, **row})
            versions |= versions_of({"growing": worker})
            worker.close()
    order = list(SWEEPS)
    rows.sort(key=lambda row: (order.index(row["changed"]), row[row["changed"]]))
    rows.sort(key=lambda row: (row["attention"], row["threads"]))
    slopes(rows)
    report.show("Growth", rows)
    draw(rows, run.options.picture)
    report.save(run, "growth", {"growth": rows}, {}, versions)


if __name__ == "__main__":
    main()
