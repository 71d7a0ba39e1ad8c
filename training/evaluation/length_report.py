"""Quality by source length, as a table and as a plot."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_attention.visualization.figure_style import check_picture, finish_chart, line_style
from keras_attention.visualization.fonts import lettering_for

from .evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE_BUCKETS = 8
FEWEST_PAIRS = 10
_WIDTHS = [digit * 10**power for power in range(9) for digit in (1, 2, 5)]


@dataclass(frozen=True)
class LengthRow:
    """The metric on the pairs in one range of source lengths.

    Attributes:
        first: the smallest length, in source tokens without `</s>`.
        last: the largest length.
        count: the number of pairs.
        values: the metric of each model on these pairs, by the model's name.
    """

    first: int
    last: int
    count: int
    values: dict[str, float]

    @property
    def label(self) -> str:
        """The range of lengths as text."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


def rows_by_length(
    evaluations: Mapping[str, Evaluation], metric: str, **options: Any
) -> list[LengthRow]:
    """Score each bucket of source lengths separately, in the order of lengths.

    Up to eight buckets of equal width contain the shorter 95 % of the sources, and one more bucket
    contains the rest. A bucket with fewer than 10 pairs is merged with its neighbour. The lengths
    are counted in tokens of the first model.

    Args:
        evaluations: the evaluation of each model, by its name; all of the same pairs.
        metric: the name of a metric.
        **options: options of `text_metrics.score`.

    Example:
        >>> pairs = [("a", "b", "b")] * 10 + [("a a", "b b", "b b")] * 5 + [("a a", "b b", "")] * 5
        >>> evaluation = Evaluation(tuple(pairs), (1,) * 10 + (2,) * 10)
        >>> rows = rows_by_length({"model": evaluation}, "exact_match")
        >>> [(row.label, row.count, row.values["model"]) for row in rows]
        [('1', 10, 1.0), ('2', 10, 0.5)]
    """
    first = next(iter(evaluations.values()), None)
    if first is None or not first.lengths:
        raise ValueError("`evaluations` must contain an evaluation with lengths. Received: none.")
    if any(other.sources != first.sources for other in evaluations.values()):
        raise ValueError("`evaluations` must be of the same pairs. Received: different pairs.")
    rows = []
    for low, high in _buckets(first.lengths):
        places = [n for n, length in enumerate(first.lengths) if low <= length <= high]
        values = {
            name: evaluation.at(places).score(metric, **options).value
            for name, evaluation in evaluations.items()
        }
        rows.append(LengthRow(low, high, len(places), values))
    return rows


def _buckets(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last length of each bucket; the buckets cover all lengths."""
    ordered = sorted(lengths)
    usual = max(ordered[(len(ordered) - 1) * 95 // 100], 1)  # the longest 5 % share a bucket
    width = next(width for width in _WIDTHS if width * WIDE_BUCKETS >= usual)
    buckets, first, before = [], min(1, ordered[0]), 0
    for last in range(width, usual + width, width):
        until = bisect_right(ordered, last)
        if min(until - before, len(ordered) - until) >= FEWEST_PAIRS:
            buckets.append((first, last))
            first, before = last + 1, until
    return [*buckets, (first, ordered[-1])]


def plot_by_length(
    rows: Sequence[LengthRow],
    path: str | os.PathLike[str] | None = None,
    *,
    ylabel: str,
    title: str = "",
) -> Figure:
    """Plot a metric by source length, with a line per model.

    Args:
        rows: the rows that `rows_by_length` returned.
        path: the file to write. Its suffix sets the format: PNG, SVG or PDF. Default: none.
        ylabel: the label of the y axis, such as `BLEU`.
        title: the title of the plot.

    Example:
        >>> rows = [LengthRow(1, 5, 40, {"attention": 30.0, "fixed vector": 29.0})]
        >>> [line.get_label() for line in plot_by_length(rows, ylabel="BLEU").axes[0].lines]
        ['attention', 'fixed vector']
    """
    from matplotlib.figure import Figure

    check_picture(path)
    if not rows:
        raise ValueError("`rows` must contain at least one bucket of lengths. Received: none.")
    lettering = lettering_for([*rows[0].values, ylabel, title])
    figure = Figure(figsize=(max(6.4, 0.9 * len(rows)), 4.0), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(rows[0].values):
        style = {**line_style(index), "label": lettering.drawn(name)}
        axes.plot([row.values[name] for row in rows], **style, clip_on=False, zorder=3)
    axes.set_xticks(range(len(rows)), [f"{row.label}\n{row.count} pairs" for row in rows])
    axes.set_ylim(bottom=0)
    finish_chart(figure, path, lettering, xlabel="source tokens", ylabel=ylabel, title=title)
    return figure
