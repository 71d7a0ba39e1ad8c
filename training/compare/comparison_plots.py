"""The plots of a comparison: the metric, its curves, alignment error and source lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_attention.visualization.figure_style import (
    LINE_COLOURS,
    add_legend,
    finish_chart,
    line_style,
    open_up,
    save_figure,
)
from keras_attention.visualization.fonts import Lettering, lettering_for

from ..metrics.metric_kinds import ExactMatch
from .comparison_table import Row, Spread, metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES_PER_ROW = 0.32


def plot_comparison(rows: Sequence[Row], folder: Path, lengths: Sequence[str] = ()) -> list[Path]:
    """Plot `metric.png`, `curves.png`, `alignment.png` and `lengths.png`.

    Returns:
        The paths of the plots. A plot for which the rows have no values is not written.
    """
    ended = [row for row in rows if row.spread("value")]
    drawers: dict[str, Callable[[Path], Figure | None]] = {
        "metric.png": lambda path: plot_metric(ended, path),
        "curves.png": lambda path: plot_learning_curves(ended, path),
        "alignment.png": lambda path: plot_alignment_error(ended, path),
        "lengths.png": lambda path: plot_lengths(ended, lengths, path),
    }
    return [folder / name for name, draw in drawers.items() if draw(folder / name)]


def plot_metric(rows: Sequence[Row], path: Path | None = None) -> Figure | None:
    """Plot a bar per variant with the mean of the metric, and a point per seed."""
    from matplotlib.figure import Figure

    if not rows:
        return None
    metric = metric_of(rows)
    lettering = lettering_for([row.label for row in rows])
    figure = Figure(figsize=(6.4, 1.2 + _INCHES_PER_ROW * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        spread = _known(row.spread("value"))
        axes.barh(place, spread.mean, height=0.6, color=LINE_COLOURS[0], alpha=0.35)
        axes.plot(
            spread.values, [place] * len(spread.values), "o", color=LINE_COLOURS[0], clip_on=False
        )
    axes.set_yticks(
        range(len(rows)), [lettering.drawn(row.label) for row in rows], **lettering.style
    )
    axes.invert_yaxis()
    _as_metric(axes, metric, "x")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(_name_of(metric) + (", mean and seeds" if _has_seeds(rows) else ""))
    save_figure(figure, path)
    return figure


def plot_learning_curves(rows: Sequence[Row], path: Path | None = None) -> Figure | None:
    """Plot the metric after every validation: the mean of the seeds and their range."""
    from matplotlib.ticker import MaxNLocator

    drawn = [row for row in rows if any(result.curve for result in row.results)]
    if not drawn:
        return None
    curves = [_curve(row) for row in drawn]
    figure, axes, lettering = _chart(drawn)
    for index, (row, curve) in enumerate(zip(drawn, curves, strict=True)):
        places = [float(n) for n in range(1, len(curve) + 1)]
        _draw(axes, index, lettering.drawn(row.label), places, curve)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _finish(figure, path, lettering, metric_of(rows), "validation")
    return figure


def plot_alignment_error(rows: Sequence[Row], path: Path | None = None) -> Figure | None:
    """Plot the metric against the alignment error rate, with a point per seed."""
    from matplotlib.ticker import PercentFormatter

    drawn = [row for row in rows if row.spread("aer")]
    if not drawn:
        return None
    figure, axes, lettering = _chart(drawn)
    for index, row in enumerate(drawn):
        points = [(result.alignment or {}, result.value) for result in row.results]
        known = [(found["aer"], value) for found, value in points if found and value is not None]
        style = {**_marked(index), "linestyle": ""}
        axes.plot(
            *zip(*known, strict=True), label=lettering.drawn(row.label), clip_on=False, **style
        )
    axes.set_xlim(-0.02, 1)
    axes.grid(axis="x", alpha=0.3)
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    _finish(figure, path, lettering, metric_of(rows), "alignment error")
    return figure


def plot_lengths(
    rows: Sequence[Row], lengths: Sequence[str], path: Path | None = None
) -> Figure | None:
    """Plot the metric and the token errors by source length: means of seeds and their ranges."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    drawn = [row for row in rows if any(row.at_length(name) for name in lengths)]
    if not drawn:
        return None
    lettering = lettering_for([row.label for row in drawn])
    figure = Figure(figsize=(9.6, _height(drawn)), layout="constrained")
    for axes, what in zip(figure.subplots(ncols=2), ("value", "errors"), strict=True):
        for index, row in enumerate(drawn):
            spreads = {n: row.at_length(name, what) for n, name in enumerate(lengths)}
            known = {float(n): spread for n, spread in spreads.items() if spread}
            # Only one of the two charts adds its lines to the legend.
            label = lettering.drawn(row.label) if what == "value" else "_"
            _draw(axes, index, label, list(known), list(known.values()))
        axes.set_xticks(range(len(lengths)), lengths)
        axes.set_xlabel("source tokens")
        open_up(axes)
    left, right = figure.axes
    _as_metric(left, metric_of(rows), "y")
    left.set_ylabel(_name_of(metric_of(rows)))
    right.set(ylim=(0, None), ylabel="token errors")
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    add_legend(figure, lettering)
    save_figure(figure, path)
    return figure


def _chart(rows: Sequence[Row]) -> tuple[Figure, Axes, Lettering]:
    """Return a figure with one chart, and room for a legend of two columns below it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, _height(rows)), layout="constrained")
    return figure, figure.subplots(), lettering_for([row.label for row in rows])


def _height(rows: Sequence[Row]) -> float:
    return 3.6 + 0.22 * ((len(rows) + 1) // 2)


def _draw(
    axes: Axes, index: int, label: str, places: Sequence[float], spreads: Sequence[Spread]
) -> None:
    style = _marked(index)
    means = [spread.mean for spread in spreads]
    axes.plot(places, means, label=label, clip_on=False, zorder=3, **_marked(index))
    low, high = [spread.low for spread in spreads], [spread.high for spread in spreads]
    axes.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)


def _marked(index: int) -> dict[str, Any]:
    """Return the style of a line; later lines have smaller markers, so that all stay visible."""
    return {**line_style(index), "markersize": max(3, 9 - 1.5 * index)}


def _curve(row: Row) -> list[Spread]:
    """Return, for each validation, the values of the seeds that have reached it."""
    columns = zip_longest(*(result.curve for result in row.results))
    return [Spread(tuple(value for value in column if value is not None)) for column in columns]


def _finish(
    figure: Figure, path: Path | None, lettering: Lettering, metric: str, xlabel: str
) -> None:
    (axes,) = figure.axes
    _as_metric(axes, metric, "y")
    finish_chart(figure, path, lettering, xlabel=xlabel, ylabel=_name_of(metric), title="")


def _as_metric(axes: Axes, metric: str, side: str) -> None:
    """Format an axis: from 0 to 100 percent for exact match, from 0 upwards for other metrics."""
    from matplotlib.ticker import PercentFormatter

    limits: Any = (0, 1) if metric == ExactMatch.name else (0, None)
    axes.set(**{f"{side}lim": limits})
    if metric == ExactMatch.name:
        getattr(axes, f"{side}axis").set_major_formatter(PercentFormatter(xmax=1))


def _name_of(metric: str) -> str:
    return metric.replace("_", " ")


def _has_seeds(rows: Sequence[Row]) -> bool:
    return any(len(row.results) > 1 for row in rows)


def _known(spread: Spread | None) -> Spread:
    if spread is None:
        raise ValueError("`rows` must contain variants with a value. Received: one that has none.")
    return spread
