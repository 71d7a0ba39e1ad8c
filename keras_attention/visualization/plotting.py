"""Plots of alignments and learning curves.

Functions import matplotlib when they are called, and use its object-oriented interface, which needs
no display and keeps no global list of figures.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from keras_attention.translation.result import Translation
from keras_attention.visualization.alignment_text import NO_ATTENTION, AlignmentMatrix
from keras_attention.visualization.figure_style import (
    add_colour_bar,
    check_picture,
    draw_weights,
    finish_chart,
    fit_figure,
    line_style,
    save_figure,
)
from keras_attention.visualization.fonts import Lettering, lettering_for
from keras_attention.visualization.notebook.visible_text import columns_of, shorten, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_CELL_INCHES = (0.2, 0.3)
_LONGEST_SIDE_INCHES = 30.0
_BAR_INCHES = 0.15
_LABEL_POINTS = (6.0, 10.0)


def plot_alignment(
    translation: Translation | npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    hypothesis: int = 0,
    source_tokens: Sequence[str] | None = None,
    target_tokens: Sequence[str] | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot which source tokens each target token attends to.

    The plot has a column per source token and a row per target token; the colour of a cell shows
    its weight, from 0 to 1. A space is shown as `␣`, other invisible characters as escape
    sequences, and a combining mark without a base character on `◌`. The fonts are chosen from all
    installed fonts, so that every character has a glyph.

    Args:
        translation: a translation that a `Translator` returned; or weights `[T, S]` in [0, 1], such
            as the alignment of one source from a layer.
        path: the file to write; its suffix selects PNG, SVG or PDF. Default: none.
        hypothesis: the index of the hypothesis; 0 is the best.
        source_tokens: the `S` labels of a weights array; not for a translation.
        target_tokens: the `T` labels of a weights array; not for a translation.
        axes: the axes to draw on. Default: axes of a new figure, whose size depends on the number
            of tokens.

    Returns:
        The figure. A notebook displays a new figure if the call is the last line of a cell.

    Raises:
        InputError: if `path` has a different suffix or cannot be written, or if the translation has
            no hypothesis.
        ValueError: if there is no such hypothesis, if the alignment is not `[T, S]`, or if a
            weights array has values outside [0, 1] or is given without labels.

    Warns:
        UserWarning: once per call, if no installed font has some of the characters; they are drawn
            as `□`.

    Example:
        >>> import numpy as np
        >>> from keras_attention.translation.result import Hypothesis
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> figure = plot_alignment(Translation("a", ("a", "</s>"), (best,)))
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', '</s>']
        >>> weights = [[0.9, 0.1], [0.2, 0.8]]
        >>> figure = plot_alignment(weights, source_tokens=["a", "b"], target_tokens=["x", "y"])
    """
    check_picture(path)
    matrix = AlignmentMatrix.of(translation, hypothesis, source_tokens, target_tokens)
    texts: list[str] = []
    if isinstance(translation, Translation):
        texts = [translation.source, translation.hypotheses[hypothesis].text]
        texts = [visible(text, space=" ") or "(empty)" for text in texts]
    lettering = lettering_for([*matrix.sources, *matrix.targets, *texts])
    new = axes is None
    axes = axes or _axes_for(matrix)
    _draw_matrix(axes, matrix, lettering, own_bar=True)
    if texts:
        _set_title(axes, texts, lettering)
    figure = axes.figure.canvas.figure
    if new:
        fit_figure(figure, axes)
    save_figure(figure, path, trim=new)
    return figure


def plot_panels(
    panels: Mapping[str, Translation],
    path: str | os.PathLike[str] | None = None,
    *,
    columns: int = 3,
    size: tuple[float, float] = (3.2, 2.3),
) -> Figure:
    """Plot the best alignment of several translations, with a single colour bar.

    Args:
        panels: maps the title of each panel to its translation, which must have a hypothesis.
        path: the file to write; its suffix selects PNG, SVG or PDF. Default: none.
        columns: largest number of panels in a row.
        size: width and height of a panel, in inches.

    Raises:
        InputError: if `path` has a different suffix or cannot be written, or if a translation has
            no hypothesis.
        ValueError: if there is no panel.
    """
    from keras_attention.visualization.shown_figure import ShownFigure

    check_picture(path)
    if not panels:
        raise ValueError("`panels` must contain at least one translation. Received: none.")
    matrices = [AlignmentMatrix.of(translation) for translation in panels.values()]
    labels = [label for matrix in matrices for label in (*matrix.sources, *matrix.targets)]
    lettering = lettering_for([*panels, *labels])
    columns = min(columns, len(panels))
    rows = ceil(len(panels) / columns)
    figure = ShownFigure(figsize=(columns * size[0] + 0.8, rows * size[1]), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[len(panels) :]:
        axes.remove()
    used = grid[: len(panels)]
    for axes, title, matrix in zip(used, panels, matrices, strict=True):
        _draw_matrix(axes, matrix, lettering, own_bar=False)
        axes.set(xlabel="", ylabel="")
        axes.set_title(lettering.drawn(title), fontsize=10, **lettering.style)
    add_colour_bar(used[0].images[0], panels=used)
    figure.supxlabel("source", fontsize=10)
    figure.supylabel("target", fontsize=10)
    save_figure(figure, path)
    return figure


def plot_curves(
    curves: Mapping[str, Sequence[float]],
    path: str | os.PathLike[str] | None = None,
    *,
    ylabel: str,
    title: str = "",
) -> Figure:
    """Plot a fraction per epoch for several models; the legend shows the last value of each.

    Args:
        curves: the values of each model by its name: one value in [0, 1] per epoch.
        path: the file to write; its suffix selects PNG, SVG or PDF. Default: none.
        ylabel: the label of the y axis, such as `exact match`.
        title: the title of the plot.

    Raises:
        InputError: if `path` has a different suffix or cannot be written.
        ValueError: if there are no values, or a value is not in [0, 1].

    Example:
        >>> curves = {"attention": [0.5, 0.999], "fixed vector": [0.1, 0.4]}
        >>> [line.get_label() for line in plot_curves(curves, ylabel="exact match").axes[0].lines]
        ['attention: 99.90%', 'fixed vector: 40.00%']
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    from keras_attention.visualization.shown_figure import ShownFigure

    check_picture(path)
    _check_curves(curves)
    lettering = lettering_for([*curves, ylabel, title])
    figure = ShownFigure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for index, (name, values) in enumerate(curves.items()):
        _draw_curve(axes, index, values, f"{lettering.drawn(name)}: {values[-1]:.2%}")
    epochs = max(map(len, curves.values()))
    axes.set(xlim=(0.9, epochs + 0.1) if epochs > 1 else (0.5, 1.5), ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    finish_chart(figure, path, lettering, xlabel="epoch", ylabel=ylabel, title=title)
    return figure


def _set_title(axes: Axes, texts: Sequence[str], lettering: Lettering) -> None:
    """Set the title: source and output, each shortened to the width of the plot."""
    width = axes.get_window_extent().width / axes.figure.dpi
    source, target = (shorten(lettering.drawn(text), max(50, int(10 * width))) for text in texts)
    axes.set_title(f"{source}\n→ {target}", fontsize=11, **lettering.style)


def _axes_for(matrix: AlignmentMatrix) -> Axes:
    """Return axes in a new figure, with square cells and room for labels, title and colour bar."""
    from keras_attention.visualization.shown_figure import ShownFigure

    rows, columns = matrix.weights.shape
    cell = _cell_inches(rows, columns)
    letter = 0.65 * _LABEL_POINTS[1] / 72
    left = letter * max(map(columns_of, matrix.targets)) + 0.4
    top = letter * max(map(columns_of, matrix.sources)) + 0.6
    right, bottom = 1.0, 0.4
    width, height = left + columns * cell + right, bottom + rows * cell + top
    figure = ShownFigure(figsize=(width, height))
    return figure.add_axes(
        (left / width, bottom / height, columns * cell / width, rows * cell / height)
    )


def _cell_inches(rows: int, columns: int) -> float:
    """Return the size of a cell: smaller for many tokens, to keep the figure within its limit."""
    longest = max(rows, columns)
    return min(_CELL_INCHES[1], max(_CELL_INCHES[0], 12 / longest), _LONGEST_SIDE_INCHES / longest)


def _draw_matrix(
    axes: Axes, matrix: AlignmentMatrix, lettering: Lettering, *, own_bar: bool
) -> None:
    rows, columns = matrix.weights.shape
    inches = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    cell = min(inches.width / columns, inches.height / rows)
    image = draw_weights(axes, matrix.weights)
    if own_bar:
        bar = _BAR_INCHES / (columns * cell)  # in units of the width of the axes
        add_colour_bar(image, bar_axes=axes.inset_axes((1 + bar, 0, bar, 1)))
    axes.xaxis.tick_top()
    axes.set_xticks(**_ticks(matrix.sources, cell, lettering))
    axes.set_yticks(**_ticks(matrix.targets, cell, lettering))
    for label, angle in zip(axes.get_xticklabels(), _angles(matrix.sources), strict=True):
        label.set_rotation(angle)
    axes.set(xlabel="source", ylabel="target")
    if not matrix.weights.any():
        middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, NO_ATTENTION, **middle)


def _ticks(labels: list[str], cell: float, lettering: Lettering) -> dict[str, Any]:
    """Return the labels, leaving some out if cells are smaller than the smallest font."""
    smallest, largest = _LABEL_POINTS
    every = ceil(smallest / (72 * cell))
    return {
        "ticks": range(len(labels)),
        "labels": [
            "" if position % every else lettering.drawn(label)
            for position, label in enumerate(labels)
        ],
        "fontsize": min(largest, max(smallest, 0.8 * 72 * cell)),
        **lettering.style,
    }


def _angles(labels: list[str]) -> list[int]:
    """Return the angle of each label: 90 if it is long or if more than half of the labels are."""
    long = [columns_of(label) > 2 for label in labels]
    return [90 if is_long or 2 * sum(long) > len(long) else 0 for is_long in long]


def _draw_curve(axes: Axes, index: int, values: Sequence[float], label: str) -> None:
    axes.plot(
        range(1, len(values) + 1),
        values,
        label=label,
        **line_style(index),
        markersize=max(4, 9 - 2 * index),  # so that markers at the same point stay visible
        markevery=ceil(len(values) / 20),
        clip_on=False,
        zorder=3,
    )


def _check_curves(curves: Mapping[str, Sequence[float]]) -> None:
    if not curves:
        raise ValueError("`curves` must contain the values of at least one model. Received: none.")
    for name, values in curves.items():
        if not len(values):
            raise ValueError(
                f"`curves` must have at least one value per model. Received: none for {name!r}."
            )
        for value in values:
            if not 0 <= value <= 1:
                raise ValueError(f"`curves` must be in [0, 1]. Received: {value} for {name!r}.")
