"""Style and file formats that all plots share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.visualization.fonts import Lettering
from keras_attention.visualization.notebook.visible_text import (
    columns_of,
    shorten,
    shorten_middle,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WEIGHT_COLOURS = "Blues"  # a single hue, so that only lightness counts; 0 is almost white
# The palette of Okabe and Ito for colour-blind readers, without its yellow.
LINE_COLOURS = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"
_FORMATS = ("png", "svg", "pdf")
_MARKERS, _LINES = "os^Dv", ("-", "--", "-.", ":")
_DOTS_PER_INCH = 150
_MARGIN_INCHES = 0.1
_TITLE_COLUMNS = 60
_LEGEND_COLUMNS = 30, 64  # the widest labels in legends of two columns and of one column


def check_picture(path: str | os.PathLike[str] | None) -> None:
    """Check that a path has the suffix of a PNG, SVG or PDF file; None is allowed."""
    if path is not None and _suffix(path)[1:].lower() not in _FORMATS:
        raise InputError(
            f"{path}: a picture's suffix must be one of .png, .svg, .pdf. "
            f"Received: {_suffix(path)!r}."
        )


def save_figure(figure: Figure, path: str | os.PathLike[str] | None, *, trim: bool = True) -> None:
    """Save a figure in the format of the path's suffix, completely or not at all.

    Raises:
        InputError: if the path cannot be written.
    """
    if path is None:
        return
    with write_atomically(path) as temporary_path:
        box = "tight" if trim else None
        form = _suffix(path)[1:].lower()
        figure.savefig(temporary_path, format=form, dpi=_DOTS_PER_INCH, bbox_inches=box)


def draw_weights(axes: Axes, weights: npt.ArrayLike) -> AxesImage:
    """Draw a matrix with square cells, in the colours that all pictures use for weights."""
    image = axes.imshow(
        weights, cmap=WEIGHT_COLOURS, vmin=0, vmax=1, aspect="equal", interpolation="nearest"
    )
    axes.tick_params(length=0)
    axes.spines[:].set(color="0.6", linewidth=0.6)
    return image


def add_colour_bar(
    image: AxesImage,
    *,
    panels: Sequence[Axes] | None = None,
    bar_axes: Axes | None = None,
    label: str = "weight",
) -> None:
    """Add a colour bar for one matrix, or for all panels of a set.

    Args:
        image: the drawn matrix, or one of the drawn matrices of a set.
        panels: the panels of a set, whose space the bar shares.
        bar_axes: axes for the bar, instead of a share of the panels' space.
        label: the label of the bar.
    """
    place: dict[str, Any] = {"cax": bar_axes} if bar_axes else {"ax": panels, "aspect": 30}
    bar = image.axes.figure.colorbar(image, ticks=[0, 0.5, 1], **place)
    bar.set_label(label)
    bar.outline.set(edgecolor="0.6", linewidth=0.6)
    bar.ax.tick_params(length=2, color="0.6")


def fit_figure(figure: Figure, axes: Axes) -> None:
    """Resize a figure so that all texts fit; the axes keep their size."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    inside, needed = axes.get_position(), figure.get_tightbbox().padded(_MARGIN_INCHES)
    figure.set_size_inches(needed.width, needed.height)
    axes.set_position(
        (
            (inside.x0 * width - needed.x0) / needed.width,
            (inside.y0 * height - needed.y0) / needed.height,
            inside.width * width / needed.width,
            inside.height * height / needed.height,
        )
    )


def line_style(index: int) -> dict[str, Any]:
    """Return colour, line style and marker of a line; lines differ even without colour."""
    return {
        "color": LINE_COLOURS[index % len(LINE_COLOURS)],
        "linestyle": _LINES[index % len(_LINES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def open_up(axes: Axes) -> None:
    """Remove the top and right borders of the axes, and add faint horizontal grid lines."""
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def add_legend(figure: Figure, lettering: Lettering) -> None:
    """Add a legend below the axes, in fonts that have the glyphs of its names."""
    labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
    narrow, wide = _LEGEND_COLUMNS
    columns = 2 if max(map(columns_of, labels), default=0) <= narrow else 1
    legend: Any = figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    for text in legend.get_texts():
        text.set(text=shorten_middle(text.get_text(), wide), **lettering.style)


def finish_chart(
    figure: Figure,
    path: str | os.PathLike[str] | None,
    lettering: Lettering,
    *,
    xlabel: str,
    ylabel: str,
    title: str,
) -> None:
    """Add labels, title and legend to a figure with one chart, and save it."""
    (axes,) = figure.axes
    open_up(axes)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(lettering.drawn(ylabel), **lettering.style)
    lines = [shorten(line, _TITLE_COLUMNS) for line in lettering.drawn(title).split("\n")]
    axes.set_title("\n".join(lines), fontsize=11, pad=12, **lettering.style)
    add_legend(figure, lettering)
    save_figure(figure, path)


def _suffix(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix
