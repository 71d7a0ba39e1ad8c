"""Readers of pair files: free-form dates, tables with columns, and two parallel files.

The texts of a pair are those of the file; tokenizers normalize and split them later. A problem in
a file is an `InputError` that names the file and the line.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import zip_longest

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank

from .stored_pairs import Pair as Pair
from .table_notes import TableNotes, note_of_returns
from .tables import Layout, advice, choose, one_line, open_table, without_blank_end

_Path = str | os.PathLike[str]

_logger = logging.getLogger(__name__)


def read_dates_file(path: _Path) -> Iterator[Pair]:
    """Yield the pairs of a file whose lines have a date, padding spaces, `_` and the ISO date.

    The padding is removed.

    Raises:
        InputError: If the file is missing or empty, or a line has a different format.
    """
    return parse_lines(read_lines(path), os.fspath(path), _parse_date_line)


def read_table(path: _Path, layout: Layout) -> Iterator[Pair]:
    """Yield the pairs of a table, and at the end log each sign that its layout is wrong.

    Args:
        path: The file.
        layout: The layout of its columns.

    Raises:
        InputError: If the file is missing or empty, a row is malformed, a row has no source or
            target, or the header lacks one of the columns.
    """
    name = os.fspath(path)
    notes: list[str] = []
    count = 0
    for pair in table_pairs(read_lines(path), name, layout, notes):
        count += 1
        yield pair
    if layout.header:
        _logger.info("%s: 1 line skipped, the header; %d pairs", name, count)
    for note in notes:
        _logger.warning("%s", note)


def table_pairs(
    lines: Iterable[str], name: str, layout: Layout, notes: list[str] | None = None
) -> Iterator[Pair]:
    """Yield the pair of each row of a table.

    Args:
        lines: The lines, without line ends.
        name: The name of the file in error messages.
        layout: The layout of its columns.
        notes: A list to which, after the last row, a sentence is added for each sign that the
            layout is wrong.

    Raises:
        InputError: See `read_table`.
    """
    names, rows = open_table(lines if layout.quoted else filled_lines(lines, name), name, layout)
    places = layout.places(names, f"{name}, line 1")
    signs, pair = TableNotes(name, layout, places, names), None
    for row in rows:
        try:
            pair = choose(row[1], places, layout.delimiter)
        except ValueError as error:
            raise InputError(f"{name}, line {row[0]}: {error}{advice(row, layout)}") from None
        signs.add(row[1], pair, row[0])
        yield (one_line(pair[0]), one_line(pair[1])) if layout.quoted else pair
    if pair is None:
        found = "only a header" if names else "an empty file"
        raise InputError(f"{name}: expected pairs. Received: {found}.")
    if notes is not None:
        notes.extend(signs.lines())


def read_parallel(source_path: _Path, target_path: _Path) -> Iterator[Pair]:
    """Yield the pairs of two files: their lines with the same number.

    Raises:
        InputError: If a file is missing or empty, an empty line is followed by text, or one file
            has more lines.
    """
    paths = source_path, target_path
    counts, returns = [0, 0], [0, 0]
    lines = (filled_lines(read_lines(path), os.fspath(path)) for path in paths)
    for row in zip_longest(*lines):
        for side, line in enumerate(row):
            if line is not None:
                counts[side] += 1
                returns[side] += "\r" in line
        source, target = row
        if source is not None and target is not None:
            yield source, target
    check_parallel(*zip(paths, counts, strict=True))
    for path, count in dict(zip(paths, returns, strict=True)).items():
        if count:
            _logger.warning("%s", note_of_returns(os.fspath(path), count))


def check_parallel(*files: tuple[_Path, int]) -> None:
    """Check that files have the same number of lines.

    Args:
        *files: The path and the number of lines of each file.

    Raises:
        InputError: If the numbers differ.
    """
    if len({lines for _, lines in files}) > 1:
        received = ", ".join(f"{os.fspath(path)} with {lines}" for path, lines in files)
        raise InputError(
            "Parallel files must have the same number of lines, not counting empty lines at the "
            f"end. Received: {received}."
        )


def filled_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a file without the empty ones at its end.

    Args:
        lines: The lines.
        name: The name of the file in error messages.

    Raises:
        InputError: If there is no text, or an empty line is followed by text.
    """
    line = None
    for _, line in without_blank_end(enumerate(lines, start=1), is_blank, name):
        yield line
    if line is None:
        raise InputError(f"{name}: expected at least one line. Received: an empty file.")


def parse_lines(lines: Iterable[str], name: str, parse: Callable[[str], Pair]) -> Iterator[Pair]:
    """Yield the pair on each line of a file.

    Args:
        lines: The lines.
        name: The name of the file in error messages.
        parse: Returns the pair of a line, or raises `ValueError` with the problem.

    Raises:
        InputError: If there is no text, an empty line is followed by text, or `parse` raises.
    """
    for number, line in enumerate(filled_lines(lines, name), start=1):
        try:
            yield parse(line)
        except ValueError as error:
            raise InputError(f"{name}, line {number}: {error}") from None


def _parse_date_line(line: str) -> Pair:
    source, mark, target = line.rpartition("_")
    source = source.rstrip(" ")
    if not (mark and source and _is_iso(target)):
        raise ValueError(f"expected a date, `_` and its ISO date. Received: {line[:80]!r}.")
    return source, target


def _is_iso(text: str) -> bool:
    try:
        # Newer versions of Python also accept other ISO formats, such as 19940927.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
