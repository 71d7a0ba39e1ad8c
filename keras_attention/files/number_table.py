"""A reader for CSV files of numbers. A killed process may leave the last row incomplete."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact

MISSING = "NA"
"""The entry that Keras's `CSVLogger` writes for a missing value."""

COUNTS = ("epoch", "step")
"""Columns that hold whole numbers in every row."""


def read_numbers(path: Path) -> tuple[list[str], list[dict[str, float]]]:
    """Read a table of numbers.

    Returns:
        The names of the columns, and the rows without their missing values. An incomplete last
        row, left by a killed process, is skipped.

    Raises:
        InputError: If the file is not a CSV table of numbers.
    """
    if not path.exists():
        return [], []
    damaged = InputError(f"{path}: damaged, expected a CSV table of numbers.")
    try:
        text = read_artefact(path).decode()
        rows = [row for row in csv.reader(text.splitlines(keepends=True)) if row]
    except (UnicodeDecodeError, csv.Error):
        raise damaged from None
    if len(rows) > 1 and not _is_whole(rows[-1], rows[0], text):
        rows.pop()
    names = rows[0] if rows else []
    try:
        return names, [_numbers(names, row) for row in rows[1:]]
    except ValueError:
        raise damaged from None


def _is_whole(row: Sequence[str], names: Sequence[str], text: str) -> bool:
    return len(row) >= len(names) and "" not in row and text.endswith(("\n", "\r"))


def _numbers(names: Sequence[str], row: Sequence[str]) -> dict[str, float]:
    named, unnamed = row[: len(names)], row[len(names) :]
    if len(named) < len(names) or any(value != MISSING for value in unnamed):
        raise ValueError
    values = {name: float(x) for name, x in zip(names, named, strict=True) if x != MISSING}
    if not all(math.isfinite(values[name]) for name in COUNTS if name in names and name in values):
        raise ValueError
    return values
