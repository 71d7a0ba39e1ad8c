"""Style and file formats that all plots share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_attention.errors import InputError
from keras_attention.files.text_files import write_atomically
from keras_attention.visualization.fonts import Lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = ("png", "svg", "pdf")
_MARKERS, _LINES = "os^Dv", ("-", "--", "-.", ":")
_DOTS_PER_INCH = 150


def check_picture(path: str | os.PathLike[str] | None) -> None:
    """Check that a path has the suffix of a PNG, SVG or PDF file; None is allowed.

    Raises:
        InputError: if it has another suffix.
    """
    if path is not None and _suffix(path)[1:].lower() not in _FORMATS:
        raise InputError(
            f"{path}: a picture's suffix must be one of .png, .svg, .pdf. "
            f"Received: {_suffix(path)!r}."
        )


def save_figure(figure: Figure, path: str | os.PathLike[str] | None, *, trim: bool = True) -> None:
    """Save a figure in the format of the path's suffix, completely or not at all.

    Args:
        figure: the figure.
        path: the file to write; None to write none.
        trim: whether to cut off empty margins.

    Raises:
        InputError: if the path cannot be written.
    """
    if path is None:
        return
    with write_atomically(path) as temporary_path:
        box = "tight" if trim else None
        form = _suffix(path)[1:].lower()
        figure.savefig(temporary_path, format=form, dpi=_DOTS_PER_INCH, bbox_inches=box)


def line_style(index: int) -> dict[str, Any]:
    """Return colour, line style and marker of a line; lines also differ without colour."""
    return {
        "color": f"C{index}",
        "linestyle": _LINES[index % len(_LINES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def open_up(axes: Axes) -> None:
    """Remove the top and right borders of the axes, and add faint horizontal grid lines."""
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def add_legend(figure: Figure, lettering: Lettering) -> None:
    """Add a legend below the axes, in fonts that have the glyphs of its names."""
    legend: Any = figure.legend(loc="outside lower center", ncols=2, frameon=False)
    for text in legend.get_texts():
        text.set(**lettering.style)


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
    axes.set_title(lettering.drawn(title), pad=12, **lettering.style)
    add_legend(figure, lettering)
    save_figure(figure, path)


def _suffix(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix
