"""Alignments as text for a terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.translation.result import Translation
from keras_attention.visualization.notebook.visible_text import (
    character_columns,
    columns_of,
    shorten,
    shorten_middle,
    visible,
)

NO_ATTENTION = "no attention: every weight is 0"
_LABEL_COLUMNS = 24
_ROUNDING = 0.01  # rounding error of 16-bit weights

_SHADES = np.array(list(" ░▒▓█"))
_SHADE_LIMITS = (0.05, 0.25, 0.5, 0.75)


def format_alignment(
    translation: Translation | npt.ArrayLike,
    *,
    hypothesis: int = 0,
    source_tokens: Sequence[str] | None = None,
    target_tokens: Sequence[str] | None = None,
    width: int | None = None,
) -> str:
    """Return the alignment as text: a row per target token and a column per source token.

    Larger weights have darker shades: blank below 0.05, then `░▒▓█` from 0.05, 0.25, 0.5 and 0.75.
    If the matrix is wider than `width`, the text lists the source tokens with the largest weights
    for each target token instead. In the list, `e#14` is source token 14, one of several `e`.

    Args:
        translation: a translation that a `Translator` returned; or weights `[T, S]` in [0, 1], such
            as the alignment of one source from a layer.
        hypothesis: the index of the hypothesis; 0 is the best.
        source_tokens: the `S` labels of a weights array; not allowed with a translation.
        target_tokens: the `T` labels of a weights array; not allowed with a translation.
        width: width of the text, in columns. Default: the width of the terminal, or 80 if there is
            none.

    Returns:
        The lines, without a final line feed.

    Raises:
        InputError: if the translation has no hypothesis.
        ValueError: if there is no such hypothesis, if the alignment is not `[T, S]`, or if a
            weights array has values outside [0, 1] or is given without labels.

    Example:
        >>> from keras_attention.translation.result import Hypothesis
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> print(format_alignment(Translation("a", ("a", "</s>"), (best,)), width=80))
             a </s>
        b    ██
        </s>   ██
        >>> weights = [[0.9, 0.1], [0.2, 0.8]]
        >>> print(format_alignment(weights, source_tokens="ab", target_tokens="xy", width=80))
          a b
        x ██░░
        y ░░██
    """
    matrix = AlignmentMatrix.of(translation, hypothesis, source_tokens, target_tokens)
    width = shutil.get_terminal_size().columns if width is None else width
    if not matrix.weights.any():
        return f"({NO_ATTENTION})"
    margin = max(map(columns_of, matrix.targets)) + 1
    for cell in (2, 1):
        header = _header(matrix.sources, cell)
        if header and margin + max(map(columns_of, header)) <= width:
            return _as_matrix(matrix, header, margin, cell)
    return _as_list(matrix, margin, width)


@dataclass(frozen=True)
class AlignmentMatrix:
    """An alignment `[T, S]` with the labels of its columns and rows, ready to display."""

    weights: npt.NDArray[np.float64]
    sources: list[str]
    targets: list[str]

    @classmethod
    def of(
        cls,
        alignment: Translation | npt.ArrayLike,
        hypothesis: int = 0,
        source_tokens: Sequence[str] | None = None,
        target_tokens: Sequence[str] | None = None,
    ) -> AlignmentMatrix:
        """Return the matrix of one hypothesis, or of a weights array and its labels."""
        if not isinstance(hypothesis, Integral) or isinstance(hypothesis, bool):
            raise ValueError(
                f"`hypothesis` must be an integer. Received: hypothesis={hypothesis!r}."
            )
        if not isinstance(alignment, Translation):
            if hypothesis:
                raise ValueError(
                    "`hypothesis` must be 0 for a weights array; only a Translation has several. "
                    f"Received: hypothesis={hypothesis}."
                )
            if source_tokens is None or target_tokens is None:
                raise ValueError(
                    "a weights array requires `source_tokens` and `target_tokens`. "
                    f"Received: {type(alignment).__name__} without both."
                )
            return cls._labelled(_checked_weights(alignment), source_tokens, target_tokens)
        if source_tokens is not None or target_tokens is not None:
            raise ValueError(
                "`source_tokens` and `target_tokens` require a weights array. "
                "Received: a Translation, which has its own tokens."
            )
        count = len(alignment.hypotheses)
        if not count:
            raise InputError(
                f"expected a hypothesis to display. Received: none for {alignment.source!r}, "
                "because no hypothesis has a finite score."
            )
        if not 0 <= hypothesis < count:
            raise ValueError(
                f"`hypothesis` must be from 0 to {count - 1}. Received: hypothesis={hypothesis}."
            )
        chosen = alignment.hypotheses[hypothesis]
        weights = np.asarray(chosen.alignment, float)
        return cls._labelled(weights, alignment.source_tokens, chosen.tokens)

    @classmethod
    def _labelled(
        cls,
        weights: npt.NDArray[np.float64],
        source_tokens: Sequence[str],
        target_tokens: Sequence[str],
    ) -> AlignmentMatrix:
        """Check the shape, and make all characters of the labels visible and long labels short."""
        expected = len(target_tokens), len(source_tokens)
        if weights.shape != expected or not weights.size:
            raise ValueError(
                f"an alignment must have a row for each of {expected[0]} target tokens and a "
                f"column for each of {expected[1]} source tokens, at least one of both. "
                f"Received: shape {weights.shape}."
            )
        sources, targets = (
            [shorten_middle(visible(str(token)), _LABEL_COLUMNS) for token in tokens]
            for tokens in (source_tokens, target_tokens)
        )
        return cls(weights, sources, targets)


def _checked_weights(alignment: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return weights as an array; reject values outside [0, 1], such as scores."""
    try:
        weights = np.asarray(alignment, float)
    except (TypeError, ValueError):
        raise ValueError(
            "expected a Translation, or weights [T, S] as numbers. "
            f"Received: {type(alignment).__name__}."
        ) from None
    least, most = (weights.min(), weights.max()) if weights.size else (0.0, 0.0)
    if not (least >= -_ROUNDING and most <= 1 + _ROUNDING):
        raise ValueError(
            f"weights must be from 0 to 1. Received: weights from {least:.4g} to {most:.4g}."
        )
    return weights


def _as_matrix(matrix: AlignmentMatrix, header: list[str], margin: int, cell: int) -> str:
    shades = _SHADES[np.digitize(np.nan_to_num(matrix.weights), _SHADE_LIMITS)]
    lines = [" " * margin + line for line in header]
    for target, row in zip(matrix.targets, shades, strict=True):
        lines.append(_padded(target, margin) + "".join(shade * cell for shade in row))
    return "\n".join(line.rstrip() for line in lines)


def _header(sources: list[str], cell: int) -> list[str]:
    """Return the header lines: the source tokens, each over a column that is `cell` wide.

    If a token is wider than `cell`, all tokens are written downwards. Only the last token may be
    wider: it is `</s>`, so otherwise every header would be written downwards. Return [] if a single
    character is wider than `cell`.
    """
    if all(columns_of(source) <= cell for source in sources[:-1]):
        return ["".join(_padded(source, cell) for source in sources)]
    stacks = [_clusters(source) for source in sources]
    if max(columns_of(cluster) for stack in stacks for cluster in stack) > cell:
        return []
    height = max(map(len, stacks))
    stacks = [[""] * (height - len(stack)) + stack for stack in stacks]
    return [
        "".join(_padded(cluster, cell) for cluster in line) for line in zip(*stacks, strict=True)
    ]


def _clusters(text: str) -> list[str]:
    """Split a text into characters, each with its combining marks."""
    clusters: list[str] = []
    for character in text:
        if clusters and not character_columns(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _as_list(matrix: AlignmentMatrix, margin: int, width: int) -> str:
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
        line = f"{_padded(target, margin)}← {', '.join(parts)}".rstrip()
        lines.append(shorten(line, width))
    return "\n".join(lines)


def _padded(text: str, columns: int) -> str:
    return _left_to_right(text) + " " * (columns - columns_of(text))


def _left_to_right(text: str) -> str:
    """Enclose right-to-left text in marks, so that a terminal keeps the order of the columns."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"\u200e{text}\u200e"
    return text
