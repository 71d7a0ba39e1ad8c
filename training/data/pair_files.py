"""Reads files of pairs: free-form dates, columns of a table or two parallel files.

A pair is a source and its target as they stand in the file; tokenizers normalize and cut them.
A problem in a file is an `InputError` that names the file and the line.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank

from .table_notes import TableNotes, note_of_returns
from .tables import Layout, advice, choose, csv_rows, one_line, tsv_rows, without_separator_line

Pair = tuple[str, str]
_Path = str | os.PathLike[str]

_logger = logging.getLogger(__name__)


def read_dates_file(path: _Path) -> list[Pair]:
    """Reads lines of a free-form date, padded with spaces to a column, `_`, and its ISO date.

    The padding is dropped.

    Raises:
        InputError: If the file is missing or empty, or a line has another form.
    """
    return list(parse_lines(read_lines(path), os.fspath(path), _parse_date_line))


def read_table(path: _Path, layout: Layout) -> list[Pair]:
    """Reads the pairs of a table, and logs signs that it is read wrongly.

    Args:
        path: The file.
        layout: Its columns.

    Raises:
        InputError: If the file is missing or empty, a row is malformed, a column is missing or
            empty in one, or the header does not name it.
    """
    name = os.fspath(path)
    notes: list[str] = []
    pairs = list(table_pairs(read_lines(path), name, layout, notes))
    if layout.header:
        _logger.info("%s: 1 line skipped, the header; %d pairs", name, len(pairs))
    for note in notes:
        _logger.warning("%s", note)
    return pairs


def table_pairs(
    lines: Iterable[str], name: str, layout: Layout, notes: list[str] | None = None
) -> Iterator[Pair]:
    """Yields the pair of each row of a table.

    Args:
        lines: The lines, without their ends.
        name: What to call the file in errors.
        layout: Its columns.
        notes: A list to which a sentence is added for each thing that looks wrong, at the end.

    Raises:
        InputError: As `read_table`.
    """
    if layout.quoted:
        rows = csv_rows(without_separator_line(lines, name), name, layout.delimiter)
    else:
        rows = tsv_rows(filled_lines(lines, name), name)
    names = next(rows, (1, []))[1] if layout.header else []
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
        found = "the header alone" if names else "an empty file"
        raise InputError(f"{name}: expected pairs. Received: {found}.")
    if notes is not None:
        notes.extend(signs.lines())


def read_parallel(source_path: _Path, target_path: _Path) -> list[Pair]:
    """Reads two files of which the same lines belong together.

    Raises:
        InputError: If a file is missing or empty, a line is empty, or one file has more lines.
    """
    sources, targets = (
        list(filled_lines(read_lines(path), os.fspath(path))) for path in (source_path, target_path)
    )
    check_parallel((source_path, len(sources)), (target_path, len(targets)))
    for path, lines in {source_path: sources, target_path: targets}.items():
        if count := sum("\r" in line for line in lines):
            _logger.warning("%s", note_of_returns(os.fspath(path), count))
    return list(zip(sources, targets, strict=True))


def check_parallel(*files: tuple[_Path, int]) -> None:
    """Checks that two files, each with the number of its lines, have as many.

    Raises:
        InputError: If they do not.
    """
    if len({lines for _, lines in files}) > 1:
        received = ", ".join(f"{os.fspath(path)} with {lines}" for path, lines in files)
        raise InputError(
            f"Parallel files must have the same number of lines. Received: {received}."
        )


def filled_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    """Yields the lines of a file, and checks that there are some and none is empty.

    Args:
        lines: The lines.
        name: What to call the file in errors.

    Raises:
        InputError: If there is no line, or an empty one.
    """
    number = 0
    for number, line in enumerate(lines, start=1):
        if is_blank(line):
            raise InputError(f"{name}, line {number}: expected text, the line is empty.")
        yield line
    if not number:
        raise InputError(f"{name}: expected at least one line, the file is empty.")


def parse_lines(lines: Iterable[str], name: str, parse: Callable[[str], Pair]) -> Iterator[Pair]:
    """Yields the pair on each line of a file.

    Args:
        lines: The lines.
        name: What to call the file in errors.
        parse: Reads a line; raises `ValueError` with what is wrong.

    Raises:
        InputError: If there is no line, an empty one, or one that `parse` cannot read.
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
        # Newer Pythons read other ISO forms as well, such as 19940927.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
