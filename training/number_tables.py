"""Reads the tables of numbers that a run appends to."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from keras_attention.artefacts import read_artefact
from keras_attention.errors import InputError


def read_numbers(path: Path) -> list[dict[str, float]]:
    """Return the rows of a CSV file of numbers, each by the name of its column.

    A last row that is incomplete, as a run leaves it that is killed while it writes, is left out.

    Args:
        path: the file, its first line the names.

    Raises:
        InputError: if the file cannot be read or holds anything but numbers.
    """
    content = read_artefact(path)
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
        if rows and any(value in (None, "") for value in rows[-1].values()):
            rows.pop()
        return [{name: float(value) for name, value in row.items()} for row in rows]
    except (TypeError, ValueError, csv.Error):
        raise InputError(f"{path}: damaged, expected numbers.") from None
