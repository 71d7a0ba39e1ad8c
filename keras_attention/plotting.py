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
from contextlib import suppress
from dataclasses import dataclass
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
    from matplotlib.text import Text

_FORMATS = ("png", "svg", "pdf")
_NO_ATTENTION = "no attention: every weight is 0"

_COLOURS = "magma_r"  # perceptually uniform, and light at 0 as paper is
_CELL_INCHES = (0.2, 0.3)
_LONGEST_SIDE_INCHES = 30.0
_BAR_INCHES = 0.15
_LABEL_POINTS = (6.0, 10.0)
_LABEL_COLUMNS = 24
_MARKERS, _LINES = "os^Dv", ("-", "--", "-.", ":")

_SHADES = np.array(list(" ░▒▓█"))
_SHADE_LIMITS = (0.05, 0.25, 0.5, 0.75)

# Letters and symbols by category, and yet without ink: fillers, Braille's blank, selectors.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)

_NO_GLYPH = "□"
_NAMED = 8  # characters that a warning names
# Families whose character map promises what they do not draw as text.
_NOT_FOR_TEXT = re.compile(r"Last ?Resort|cm[a-z]+\d+$|STIX(Size?|NonUnicode)|Color Emoji")


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

    Warns:
        UserWarning: once a call, if no installed font has some characters, drawn as `□`.

    Example:
        >>> from keras_attention.translation import Hypothesis
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> figure = plot_alignment(Translation("a", ("a", "</s>"), (best,)))
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', '</s>']
    """
    picture_format = _picture_format(path)
    matrix = _Matrix.of(translation, hypothesis)
    texts = [translation.source, translation.hypotheses[hypothesis].text]
    texts = [_visible(text, space=" ") or "(empty)" for text in texts]
    lettering = _lettering([*matrix.sources, *matrix.targets, *texts])
    trim = axes is None
    axes = axes or _axes_for(matrix)
    _draw_matrix(axes, matrix, lettering)
    width = axes.get_window_extent().width / axes.figure.dpi
    source, target = (_shorten(lettering.drawn(text), max(50, int(10 * width))) for text in texts)
    axes.set_title(f"{source}\n→ {target}", fontsize=11, **lettering.style)
    figure = axes.figure.canvas.figure
    _save(figure, path, picture_format, trim=trim)
    return figure


def plot_curves(
    curves: Mapping[str, Sequence[float]],
    path: str | os.PathLike[str] | None = None,
    *,
    ylabel: str,
    title: str = "",
) -> Figure:
    """Draws a share by epoch for several models; the legend gives each one's last value.

    Args:
        curves: a model's name to its values in [0, 1], one an epoch, the first after epoch 1.
        path: where to save the picture, by suffix a PNG, SVG or PDF file. Default: nowhere.
        ylabel: what is measured, such as `exact match`.
        title: the picture's title.

    Returns:
        The figure.

    Raises:
        InputError: if `path` has another suffix or cannot be written.
        ValueError: if there is nothing to draw, or a value is no share.

    Example:
        >>> curves = {"attention": [0.5, 0.999], "fixed vector": [0.1, 0.4]}
        >>> [line.get_label() for line in plot_curves(curves, ylabel="exact match").axes[0].lines]
        ['attention: 99.90%', 'fixed vector: 40.00%']
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    picture_format = _picture_format(path)
    _check_curves(curves)
    lettering = _lettering([*curves, ylabel, title])
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for index, (name, values) in enumerate(curves.items()):
        axes.plot(
            range(1, len(values) + 1),
            values,
            label=f"{lettering.drawn(name)}: {values[-1]:.2%}",
            color=f"C{index}",
            linestyle=_LINES[index % len(_LINES)],
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=max(4, 9 - 2 * index),  # so that markers in one place show all
            markevery=ceil(len(values) / 20),
            clip_on=False,
            zorder=3,
        )
    epochs = max(map(len, curves.values()))
    axes.set(xlim=(0.9, epochs + 0.1) if epochs > 1 else (0.5, 1.5), ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("epoch")
    axes.set_ylabel(lettering.drawn(ylabel), **lettering.style)
    axes.set_title(lettering.drawn(title), pad=12, **lettering.style)
    legend = figure.legend(loc="outside lower center", ncols=2, frameon=False)
    for text in legend.get_texts():
        text.set(**lettering.style)
    _save(figure, path, picture_format)
    return figure


def format_alignment(
    translation: Translation, *, hypothesis: int = 0, width: int | None = None
) -> str:
    """The alignment as text: target tokens down, source tokens across, a darker shade a weight.

    A blank is below 0.05, and `░▒▓█` start at 0.05, 0.25, 0.5 and 0.75. A matrix wider than `width`
    becomes a list of each target token's strongest sources instead; there `e#14` is source token
    14, an `e` that is not the only one.

    Args:
        translation: what a `Translator` returned.
        hypothesis: which hypothesis, 0 the best.
        width: columns of the terminal. Default: those of the terminal in use, 80 without one.

    Returns:
        Lines without a final line feed.

    Raises:
        ValueError: if there is no such hypothesis, or its alignment is not `[T, S]`.

    Example:
        >>> from keras_attention.translation import Hypothesis
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> print(format_alignment(Translation("a", ("a", "</s>"), (best,)), width=80))
             a </s>
        b    ██
        </s>   ██
    """
    matrix = _Matrix.of(translation, hypothesis)
    width = shutil.get_terminal_size().columns if width is None else width
    if not matrix.weights.any():
        return f"({_NO_ATTENTION})"
    margin = max(map(_columns, matrix.targets)) + 1
    for cell in (2, 1):
        header = _header(matrix.sources, cell)
        if header and margin + max(map(_columns, header)) <= width:
            return _as_matrix(matrix, header, margin, cell)
    return _as_list(matrix, margin, width)


@dataclass(frozen=True)
class _Matrix:
    """An alignment `[T, S]` and the labels of its columns and rows, fit to be shown."""

    weights: npt.NDArray[np.float64]
    sources: list[str]
    targets: list[str]

    @classmethod
    def of(cls, translation: Translation, hypothesis: int) -> _Matrix:
        count = len(translation.hypotheses)
        if not 0 <= hypothesis < count:
            raise ValueError(
                f"`hypothesis` must be from 0 to {count - 1}. Received: hypothesis={hypothesis}."
            )
        chosen = translation.hypotheses[hypothesis]
        weights = np.asarray(chosen.alignment, float)
        expected = len(chosen.tokens), len(translation.source_tokens)
        if weights.shape != expected or not weights.size:
            raise ValueError(
                f"an alignment must have a row for each of {expected[0]} target tokens and a "
                f"column for each of {expected[1]} source tokens, at least one of both. "
                f"Received: shape {weights.shape}."
            )
        sources, targets = (
            [_shorten(_visible(token), _LABEL_COLUMNS) for token in tokens]
            for tokens in (translation.source_tokens, chosen.tokens)
        )
        return cls(weights, sources, targets)


# Labels: every character visible, and as wide as a terminal shows it.


def _visible(text: str, space: str = "␣") -> str:
    """`text` with spaces as `space`, other invisible characters escaped, lone marks on `◌`."""
    shown = "".join(space if character == " " else _escaped(character) for character in text)
    return "◌" + shown if shown and _is_mark(shown[0]) else shown


def _escaped(character: str) -> str:
    if character in _BLANK or unicodedata.category(character)[0] in "CZ":
        return character.encode("unicode_escape").decode("ascii")
    return character


def _is_mark(character: str) -> bool:
    """Whether it is drawn onto the character before it; Hangul's medial and final jamo are."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


def _columns(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return sum(map(_character_columns, text))


def _character_columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shorten(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    ends = np.cumsum([_character_columns(character) for character in text])
    return text[: int(np.searchsorted(ends, columns - 1, side="right"))].rstrip() + "…"


# The text form.


def _as_matrix(matrix: _Matrix, header: list[str], margin: int, cell: int) -> str:
    shades = _SHADES[np.digitize(np.nan_to_num(matrix.weights), _SHADE_LIMITS)]
    lines = [" " * margin + line for line in header]
    for target, row in zip(matrix.targets, shades, strict=True):
        lines.append(_padded(target, margin) + "".join(shade * cell for shade in row))
    return "\n".join(line.rstrip() for line in lines)


def _header(sources: list[str], cell: int) -> list[str]:
    """The source tokens over columns of `cell`, downwards where they are longer; [] if too wide.

    The last one may reach over the edge: it is `</s>`, which would turn every header otherwise.
    """
    if all(_columns(source) <= cell for source in sources[:-1]):
        return ["".join(_padded(source, cell) for source in sources)]
    stacks = [_clusters(source) for source in sources]
    if max(_columns(cluster) for stack in stacks for cluster in stack) > cell:
        return []
    height = max(map(len, stacks))
    stacks = [[""] * (height - len(stack)) + stack for stack in stacks]
    return [
        "".join(_padded(cluster, cell) for cluster in line) for line in zip(*stacks, strict=True)
    ]


def _clusters(text: str) -> list[str]:
    """`text` cut into characters, each with the marks upon it."""
    clusters: list[str] = []
    for character in text:
        if clusters and not _character_columns(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _as_list(matrix: _Matrix, margin: int, width: int) -> str:
    names = [
        source if matrix.sources.count(source) == 1 else f"{source}#{position}"
        for position, source in enumerate(matrix.sources, start=1)
    ]
    lines = []
    for target, row in zip(matrix.targets, matrix.weights, strict=True):
        strongest = [index for index in np.argsort(-row, kind="stable")[:3] if row[index] > 0]
        parts = [
            f"{_left_to_right(names[index])} {row[index]:.0%}"
            for index in strongest
            if row[index] >= _SHADE_LIMITS[0] or index == strongest[0]
        ]
        lines.append(_shorten(f"{_padded(target, margin)}← {', '.join(parts)}", width))
    return "\n".join(lines)


def _padded(text: str, columns: int) -> str:
    return _left_to_right(text) + " " * (columns - _columns(text))


def _left_to_right(text: str) -> str:
    """Right-to-left `text` between marks, so that a terminal keeps the columns in their order."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"\u200e{text}\u200e"
    return text


# The pictures.


def _picture_format(path: str | os.PathLike[str] | None) -> str:
    suffix = Path(path or "none.png").suffix
    if suffix[1:].lower() not in _FORMATS:
        raise InputError(
            f"{path}: a picture's suffix must be one of .png, .svg, .pdf. Received: {suffix!r}."
        )
    return suffix[1:].lower()


def _save(
    figure: Figure, path: str | os.PathLike[str] | None, picture_format: str, *, trim: bool = True
) -> None:
    if path is not None:
        with write_atomically(path) as beside:
            box = "tight" if trim else None
            figure.savefig(beside, format=picture_format, dpi=150, bbox_inches=box)


def _axes_for(matrix: _Matrix) -> Axes:
    """Axes of a new figure, with square cells and room for labels, title and colour bar."""
    from matplotlib.figure import Figure

    rows, columns = matrix.weights.shape
    cell = _cell_inches(rows, columns)
    letter = 0.65 * _LABEL_POINTS[1] / 72
    left = letter * max(map(_columns, matrix.targets)) + 0.4
    top = letter * max(map(_columns, matrix.sources)) + 0.6
    right, bottom = 1.0, 0.4
    width, height = left + columns * cell + right, bottom + rows * cell + top
    figure = Figure(figsize=(width, height))
    return figure.add_axes(
        (left / width, bottom / height, columns * cell / width, rows * cell / height)
    )


def _cell_inches(rows: int, columns: int) -> float:
    """Generous cells for few tokens, smaller ones for many, still under the longest side."""
    longest = max(rows, columns)
    return min(_CELL_INCHES[1], max(_CELL_INCHES[0], 12 / longest), _LONGEST_SIDE_INCHES / longest)


def _draw_matrix(axes: Axes, matrix: _Matrix, lettering: _Lettering) -> None:
    rows, columns = matrix.weights.shape
    inches = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    cell = min(inches.width / columns, inches.height / rows)
    image = axes.imshow(
        matrix.weights, cmap=_COLOURS, vmin=0, vmax=1, aspect="equal", interpolation="nearest"
    )
    bar = _BAR_INCHES / (columns * cell)  # in widths of the axes, as `inset_axes` counts
    beside = axes.inset_axes((1 + bar, 0, bar, 1))
    axes.figure.colorbar(image, cax=beside).set_label("weight")
    axes.xaxis.tick_top()
    axes.set_xticks(**_ticks(matrix.sources, cell, lettering))
    axes.set_yticks(**_ticks(matrix.targets, cell, lettering))
    _turn_long(axes.get_xticklabels())
    axes.tick_params(length=0)
    axes.set(xlabel="source", ylabel="target")
    if not matrix.weights.any():
        middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, _NO_ATTENTION, **middle)


def _ticks(labels: list[str], cell: float, lettering: _Lettering) -> dict[str, Any]:
    """A label a cell; where cells are narrower than the smallest letters, at every so many."""
    smallest, largest = _LABEL_POINTS
    every = ceil(smallest / (72 * cell))
    return {
        "ticks": range(0, len(labels), every),
        "labels": [lettering.drawn(label) for label in labels[::every]],
        "fontsize": min(largest, max(smallest, 0.8 * 72 * cell)),
        **lettering.style,
    }


def _turn_long(labels: Sequence[Text]) -> None:
    """Stands long labels upright, and the short ones too where most are long."""
    long = [_columns(label.get_text()) > 2 for label in labels]
    for label, is_long in zip(labels, long, strict=True):
        label.set_rotation(90 if is_long or 2 * sum(long) > len(long) else 0)


def _check_curves(curves: Mapping[str, Sequence[float]]) -> None:
    if not curves:
        raise ValueError("`curves` must hold a model's values at least. Received: none.")
    for name, values in curves.items():
        if not len(values):
            raise ValueError(f"`curves` must have a value an epoch. Received: none for {name!r}.")
        for value in values:
            if not 0 <= value <= 1:
                raise ValueError(f"`curves` must lie in [0, 1]. Received: {value} for {name!r}.")


# Fonts.


@dataclass(frozen=True)
class _Lettering:
    """The font families to draw texts in, and the characters that none of them has."""

    families: list[str]
    missing: frozenset[str]

    @property
    def style(self) -> dict[str, Any]:
        """What every text is drawn with: `$` and `%` are characters, not commands."""
        return {"fontfamily": self.families, "parse_math": False, "usetex": False}

    def drawn(self, text: str) -> str:
        return "".join(_NO_GLYPH if character in self.missing else character for character in text)


def _lettering(texts: Iterable[str]) -> _Lettering:
    """Finds fonts for `texts`, and warns of the characters that no installed font has."""
    needed = {character for text in texts for character in text} | set("→…" + _NO_GLYPH)
    families, missing = _families_for(needed)
    if missing:
        named = [f"{_visible(character)} (U+{ord(character):04X})" for character in sorted(missing)]
        shown = ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
        warnings.warn(
            f"No installed font has a glyph for {len(missing)} of the characters, drawn as "
            f"{_NO_GLYPH}: {shown}. Install one that has, such as {_package_for(missing)}.",
            stacklevel=3,
        )
    return _Lettering(families, frozenset(missing))


def _families_for(needed: set[str]) -> tuple[list[str], set[str]]:
    """The families of matplotlib's settings, as many more as are `needed`; what is left."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont

    families = list(rcParams["font.family"])
    missing = set(needed)
    for path in [findfont(FontProperties(family=[family])) for family in families]:
        missing -= _glyphs(path, getattr(path, "face_index", 0), missing)
    for look in (_installed_faces, _newly_installed_faces):
        faces = look() if missing else {}
        found = {name: _glyphs(*face, missing) for name, face in faces.items()}
        while best := _best_family(found, missing):
            families.append(best)
            missing -= found[best]
    return families, missing


def _best_family(found: dict[str, set[str]], missing: set[str]) -> str | None:
    """The family that has most of `missing`; among equals one drawn for the region's characters."""
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in missing}
    region = "JP" if scripts & {"HIRAGANA", "KATAKANA"} else "KR" if "HANGUL" in scripts else "SC"

    def merit(name: str) -> tuple[int, bool, bool, bool, int, str]:
        names = name.endswith(region), "Sans" in name, "Noto" in name
        return len(found[name] & missing), *names, -len(name), name

    best = max(found, key=merit, default=None)
    return best if best is not None and found[best] & missing else None


def _installed_faces() -> dict[str, tuple[str, int]]:
    """File and index of a face of each family that matplotlib knows, the regular one if it can."""
    from matplotlib.font_manager import fontManager

    def regular(entry: Any) -> bool:
        return (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")

    return {
        entry.name: (entry.fname, getattr(entry, "index", 0))
        for entry in sorted(fontManager.ttflist, key=regular)
        if not _NOT_FOR_TEXT.match(entry.name)
    }


def _newly_installed_faces() -> dict[str, tuple[str, int]]:
    """The same with fonts installed since matplotlib last listed them, which it does once."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with suppress(Exception):  # a font that FreeType or matplotlib cannot use is not there
            fontManager.addfont(path)
    return _installed_faces()


def _glyphs(path: str, index: int, characters: set[str]) -> set[str]:
    """Those of `characters` that a face has; none of a file that is gone or cannot be read."""
    from matplotlib.ft2font import FT2Font

    # A file of one face has no index in matplotlib before 3.11, which reads the first alone.
    options: dict[str, Any] = {"face_index": index} if index else {}
    try:
        face = FT2Font(path, **options)
    except (OSError, RuntimeError):
        return set()
    return {character for character in characters if face.get_char_index(ord(character))}


def _package_for(missing: set[str]) -> str:
    """Names fonts, with their Debian packages, that have such characters."""
    packages = set()
    for character in missing:
        if unicodedata.category(character) == "So":
            packages.add("Noto Emoji (fonts.google.com/noto)")
        elif unicodedata.east_asian_width(character) in "WF":
            packages.add("Noto Sans CJK (fonts-noto-cjk)")
        else:
            packages.add("Noto Sans (fonts-noto-core)")
    return " and ".join(sorted(packages))
