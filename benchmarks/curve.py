"""A run's held-out metric against minutes of training, as TensorBoard's logs have recorded them.

python benchmarks/curve.py saved_models/multi30k-en-de --metric bleu --output curve.png
"""

from __future__ import annotations

import argparse
import bisect
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

MARKS = (5, 10, 20, 30, 45, 60, 90, 120, 150)


def read_curve(run: Path, metric: str) -> list[tuple[float, float]]:
    """Minutes since the run began, and the metric after each stretch of training.

    A run that was resumed counts the time between its parts as well.
    """
    training, validation = (EventAccumulator(str(run / "logs" / part)) for part in PARTS)
    training.Reload()
    validation.Reload()
    start = training.FirstEventTimestamp()
    scalars = (validation.Tensors(f"epoch_{metric}"),)
    return [((event.wall_time - start) / 60, _number(event)) for event in scalars[0]]


PARTS = ("train", "validation")


def _number(event: object) -> float:
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(event.tensor_proto))


def main() -> None:
    """Prints the metric at round numbers of minutes, and draws all curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders")
    parser.add_argument("--metric", default="bleu")
    parser.add_argument("--output", type=Path, help="where to draw the curves")
    arguments = parser.parse_args()
    figure, axes = plt.subplots(figsize=(7, 4))
    for run in arguments.runs:
        curve = read_curve(run, arguments.metric)
        minutes, values = zip(*curve, strict=True)
        axes.plot(minutes, values, marker=".", label=run.name)
        seen = [(mark, bisect.bisect(minutes, mark)) for mark in MARKS if mark <= minutes[-1] + 1]
        cells = [f"{mark} min {values[count - 1]:.2f}" for mark, count in seen if count]
        best = max(range(len(values)), key=values.__getitem__)
        print(f"{run.name}: {', '.join(cells)}; best {values[best]:.2f} at {minutes[best]:.0f} min")
    axes.set(xlabel="minutes of training", ylabel=f"held-out {arguments.metric}")
    axes.grid(alpha=0.3)
    axes.legend()
    if arguments.output:
        figure.savefig(arguments.output, dpi=150, bbox_inches="tight")
        print(f"Wrote {arguments.output}")


if __name__ == "__main__":
    main()
