"""Alignments as pictures and as text for a terminal, and curves of how models learned.

Matplotlib is imported by what draws, through its object-oriented interface: no display is needed,
no global figure is kept, and `format_alignment` works where matplotlib is not installed.
"""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files import write_atomically
from keras_attention.translation import Translation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = ("png", "svg", "pdf")
_NO_ATTENTION = "no attention: every weight is 0"
_LONGEST_LABEL = 20

_CELL_INCHES = 0.3
_LONGEST_SIDE_INCHES = 30.0
_SMALLEST_LABEL, _LARGEST_LABEL = 6.0, 10.0  # points
_MARKERS, _LINES = "os^Dv", ("-", "--", "-.", ":")

_SHADES = np.array(list(" ░▒▓█"))
_SHADE_LIMITS = (0.05, 0.25, 0.5, 0.75)

_MISSING = "□"
# Families whose character map promises what they do not draw as text.
_NOT_FOR_TEXT = re.compile(r"Last ?Resort|cm[a-z]+\d+$|STIX(Size|Siz|NonUnicode)|Color Emoji")


def plot_alignment(
    translation: Translation,
    path: str | os.PathLike[str] | None = None,
    *,
    hypothesis: int = 0,
    axes: Axes | None = None,
) -> Figure:
    """Draws from which source tokens each target token was read.

    Source tokens stand across, target tokens down; a cell's colour is its weight, from 0 to 1. A
    space is shown as `␣`, another invisible character by its escape, a lone combining mark on `◌`.
    Fonts are chosen among the installed ones so that every character has a glyph.

    Args:
        translation: what a `Translator` returned.
        path: where to save the picture, by suffix a PNG, SVG or PDF file. Default: nowhere.
        hypothesis: which hypothesis, 0 the best.
        axes: where to draw. Default: a new figure that grows with the tokens.

    Returns:
        The figure.

    Raises:
        InputError: if `path` has another suffix or cannot be written.
        ValueError: if there is no such hypothesis, or its alignment is not `[T, S]`.

    Example:
        >>> from keras_attention.translation import Hypothesis
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> figure = plot_alignment(Translation("a", ("a", "</s>"), (best,)))
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', '</s>']
    """
    picture = _picture_format(path)
    weights, sources, targets = _labelled(translation, hypothesis)
    texts = [translation.source, translation.hypotheses[hypothesis].text]
    texts = [_visible(text, space=" ") for text in texts]
    style, glyphs = _lettering([*sources, *targets, *texts])
    sources, targets, texts = ([label.translate(glyphs) for label in labels] for labels in (sources, targets, texts))
    if axes is None:
        axes = _new_axes(*_figure_size(sources, targets))
    _draw_matrix(axes, weights, sources, targets, style)
    ...
