"""Plots the held-out metric of runs against minutes of training, from their TensorBoard logs.

python benchmarks/curve.py saved_models/multi30k-en-de --metric bleu --output curve.png
"""

from __future__ import annotations

import argparse
import bisect
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from keras_attention.training.metrics.text_metrics import higher_is_better
from keras_attention.visualization.figure_style import (
    add_legend,
    check_picture,
    line_style,
    open_up,
    save_figure,
)
from keras_attention.visualization.fonts import lettering_for

MARKS = (5, 10, 20, 30, 45, 60, 90, 120, 150)


def read_curve(run: Path, metric: str) -> list[tuple[float, float]]:
    """Return, for each validation, the minutes since the start of the run and the metric.

    For a resumed run, the minutes include the pauses between its parts.
    """
    training, validation = (_events(run / "logs" / part) for part in ("train", "validation"))
    start = training.FirstEventTimestamp()
    found = validation.Tensors(f"epoch_{metric}")
    return [
        ((event.wall_time - start) / 60, float(make_ndarray(event.tensor_proto))) for event in found
    ]


def _events(folder: Path) -> EventAccumulator:
    # By default TensorBoard keeps a random sample of only ten values.
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def main() -> None:
    """Print the metric at round numbers of minutes, and plot all curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders")
    parser.add_argument("--metric", default="bleu")
    parser.add_argument("--output", type=Path, help="file for the plot of the curves")
    arguments = parser.parse_args()
    check_picture(arguments.output)
    pick = max if higher_is_better(arguments.metric) else min
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for index, run in enumerate(arguments.runs):
        minutes, values = zip(*read_curve(run, arguments.metric), strict=True)
        axes.plot(minutes, values, label=run.name, **line_style(index))
        seen = [(mark, bisect.bisect(minutes, mark)) for mark in MARKS if mark <= minutes[-1]]
        cells = [f"{mark} min {values[count - 1]:.2f}" for mark, count in seen if count]
        best = pick(range(len(values)), key=values.__getitem__)
        print(f"{run.name}: {', '.join(cells)}; best {values[best]:.2f} at {minutes[best]:.0f} min")
    axes.set(xlabel="minutes of training", ylabel=f"held-out {arguments.metric}")
    open_up(axes)
    add_legend(figure, lettering_for([run.name for run in arguments.runs]))
    save_figure(figure, arguments.output)
    if arguments.output:
        print(f"Wrote {arguments.output}")


if __name__ == "__main__":
    main()
