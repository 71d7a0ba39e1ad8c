"""The alignment of one output as a small heat map in SVG.

A report contains dozens of alignments, so only visible weights are drawn here. The fragments for
notebooks instead contain a table cell for every weight.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_attention.visualization.notebook.visible_text import (
    columns_of,
    shorten_middle,
    visible,
)

MOST_TOKENS = 40
"""Largest number of rows and of columns."""

FAINT = 0.02
"""Weights below this are not drawn."""

_CELL, _COLUMN, _LABEL_COLUMNS = 20, 7, 12


def heat_map(sources: Sequence[str], targets: Sequence[str], weights: npt.ArrayLike) -> str:
    """Return a heat map with a row per target token and a column per source token.

    Args:
        sources: the `S` source tokens.
        targets: the `T` target tokens.
        weights: the alignment, `[T, S]`.

    Example:
        >>> heat_map(["a", "b"], ["c"], [[0.99, 0.01]]).count("<rect")
        2
    """
    above, left = (list(map(_label, tokens[:MOST_TOKENS])) for tokens in (sources, targets))
    shown = np.nan_to_num(np.asarray(weights)[: len(left), : len(above)].astype(float))
    margin, head = _COLUMN * _widest(left) + 8, _COLUMN * _widest(above) + 8
    width, height = _CELL * len(above), _CELL * len(left)
    size = f'width="{margin + width + 1}" height="{head + height + 1}"'
    parts = [f'<svg class="heat" {size} role="img" aria-label="Alignment">']
    for column, label in enumerate(above):
        x = margin + _CELL * (column + 0.5)
        turned = f'transform="translate({x + 4} {head - 4}) rotate(-90)"'
        parts.append(f"<text {turned}>{html.escape(label)}</text>")
    for row, label in enumerate(left):
        y = head + _CELL * (row + 0.5) + 4
        parts.append(
            f'<text x="{margin - 4}" y="{y}" text-anchor="end">{html.escape(label)}</text>'
        )
    parts.append(f'<rect class="frame" x="{margin}" y="{head}" width="{width}" height="{height}"/>')
    for row, column in np.argwhere(shown >= FAINT):
        share = float(shown[row, column])
        hover = html.escape(f"{left[row]} ← {above[column]}: {share:.0%}")
        parts.append(
            f'<rect x="{margin + _CELL * column}" y="{head + _CELL * row}" width="{_CELL}" '
            f'height="{_CELL}" fill-opacity="{min(share, 1.0):.2g}"><title>{hover}</title></rect>'
        )
    return "".join([*parts, "</svg>"])


def _label(token: str) -> str:
    return shorten_middle(visible(token), _LABEL_COLUMNS)


def _widest(labels: Sequence[str]) -> int:
    return max(map(columns_of, labels), default=0)
