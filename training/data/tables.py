"""Readers of tables of pairs, tab-separated or CSV, and the choice of their columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from unicodedata import normalize

from keras_attention.errors import InputError
from keras_attention.text.normalization import EDGES, is_blank

from ..recipe.data_config import DataConfig

Row = tuple[int, list[str]]
"""The number of the line where a row starts, counted from 1, and its fields."""

_Content = TypeVar("_Content")

NAMES = {"\t": "tab", ",": "comma", ";": "semicolon"}
"""Names of the usual delimiters in messages."""

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\W*', re.IGNORECASE)
"""Matches a first line that tells Excel the delimiter."""


@dataclass(frozen=True)
class Layout:
    """The layout of a file with columns.

    Attributes:
        delimiter: the character between columns.
        quoted: whether fields may be in double quotes, inside which delimiters, line feeds and
            doubled quotes are allowed.
        header: whether the first row has the names of the columns.
        source: column of the sources, a number counted from 1 or a name; empty for the first.
        target: column of the targets; empty for the second.
    """

    delimiter: str = "\t"
    quoted: bool = False
    header: bool = False
    source: str = ""
    target: str = ""

    @classmethod
    def of(cls, config: DataConfig) -> Layout:
        """Return the layout that a recipe sets."""
        quoted = config.format == "csv"
        return cls(
            delimiter=config.delimiter.replace(r"\t", "\t") if quoted else "\t",
            quoted=quoted,
            header=config.header,
            source=config.source_column,
            target=config.target_column,
        )

    @property
    def chooses(self) -> bool:
        """Whether the recipe sets which columns to read."""
        return bool(self.source or self.target)

    def places(self, names: list[str], where: str) -> tuple[int, int]:
        """Return the columns of source and target, counted from 0.

        Args:
            names: the fields of the header; not used if the columns are set by number.
            where: file and line of the header, for error messages.

        Raises:
            InputError: if a name does not belong to exactly one column, or both sides have the same
                column.
        """
        source = self.source_place(names, where)
        target = _place("target", self.target or "2", names, where)
        if source == target:
            raise InputError(
                "`data.source_column` and data.target_column must be different columns. "
                f"Received: column {source + 1} for both."
            )
        return source, target

    def source_place(self, names: list[str], where: str) -> int:
        """Return the column of the sources, counted from 0; see `places`."""
        return _place("source", self.source or "1", names, where)


def _place(side: str, column: str, names: list[str], where: str) -> int:
    if column.isascii() and column.isdecimal():
        return int(column) - 1
    stripped = [normalize("NFC", name.strip(EDGES)) for name in names]
    column = normalize("NFC", column.strip(EDGES))
    if stripped.count(column) != 1:
        raise InputError(
            f"{where}: expected exactly one column named {column!r} (data.{side}_column). "
            f"Received: {', '.join(map(repr, stripped))}."
        )
    return stripped.index(column)


def open_table(lines: Iterable[str], name: str, layout: Layout) -> tuple[list[str], Iterator[Row]]:
    """Return the names of the columns, which are none without a header, and the rows.

    Args:
        lines: the lines, without line ends.
        name: the name of the file in error messages.
        layout: the layout of the columns.

    Raises:
        InputError: if a row is malformed; also while the rows are read.
    """
    if layout.quoted:
        rows = csv_rows(without_separator_line(lines, name), name, layout.delimiter)
        rows = without_blank_end(rows, _is_blank_row, name)
    else:
        rows = tsv_rows(lines, name)
    names = next(rows, (1, []))[1] if layout.header else []
    return names, rows


def tsv_rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """Yield the rows of tab-separated lines. Quotes have no special meaning.

    Args:
        lines: the lines, without line ends.
        name: the name of the file in error messages.

    Raises:
        InputError: if a line has several rows with carriage returns between them.
    """
    for number, line in enumerate(lines, start=1):
        rows = list(filter(None, line.split("\r"))) if "\r" in line else [line]
        if len(rows) > 1 and all("\t" in row for row in rows):
            raise InputError(
                f"{name}, line {number}: expected one row. Received: {len(rows)} rows with "
                "carriage returns between them; convert all line ends to line feeds."
            )
        yield number, line.split("\t")


def without_separator_line(lines: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a CSV file, and check that the first one does not set the delimiter.

    Raises:
        InputError: if the first line sets the delimiter, as for Excel.
    """
    for number, line in enumerate(lines):
        if number == 0 and (match := _SEPARATOR_LINE.fullmatch(line)):
            raise InputError(
                f"{name}, line 1: expected a row of CSV. Received: {line!r}, which tells Excel the "
                f"delimiter; remove the line, and set data.delimiter={match[1]!r}."
            )
        yield line


def csv_rows(lines: Iterable[str], name: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows of a CSV file, whose quoted fields can span several lines.

    Args:
        lines: the lines, without line ends.
        name: the name of the file in error messages.
        delimiter: the character between fields.

    Raises:
        InputError: if a quoted field is not closed or other text follows it, or a field is longer
            than `csv.field_size_limit()`.
    """
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        where = f"{name}, line {number}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"{where}: expected a row of CSV with closed quoted fields and doubled quotes "
                f"inside them. Received: {str(error).partition(' - ')[0]}."
            ) from None
        if row is None:
            return
        yield number, row


def without_blank_end(
    rows: Iterable[tuple[int, _Content]],
    blank: Callable[[_Content], bool],
    name: str,
    expected: str = "text",
) -> Iterator[tuple[int, _Content]]:
    """Yield the lines or rows of a file without the blank ones at its end.

    Args:
        rows: the number of each line or row, counted from 1, and its content.
        blank: returns whether the content of a line or row is blank.
        name: the name of the file in error messages.
        expected: what the error message expects in place of a blank line.

    Raises:
        InputError: if a blank line is followed by one that is not blank.

    Example:
        >>> list(without_blank_end([(1, "a"), (2, "")], is_blank, "x.txt"))
        [(1, 'a')]
    """
    empty = 0
    for number, row in rows:
        if blank(row):
            empty = empty or number
        elif empty:
            raise InputError(f"{name}, line {empty}: expected {expected}. Received: an empty line.")
        else:
            yield number, row


def _is_blank_row(row: list[str]) -> bool:
    return all(map(is_blank, row))


def choose(row: list[str], places: tuple[int, int], delimiter: str) -> tuple[str, str]:
    """Return source and target of a row.

    Args:
        row: the fields of the row.
        places: the columns of source and target, counted from 0.
        delimiter: the character between the fields.

    Raises:
        ValueError: If one of the two columns is missing or empty.
    """
    source, target = places
    complete = len(row) > max(places)
    if complete and not (is_blank(row[source]) or is_blank(row[target])):
        return row[source], row[target]
    between = NAMES.get(delimiter, repr(delimiter))
    expected = f"expected source, {between}, target"
    if places != (0, 1):
        expected = f"expected a source in column {source + 1} and a target in column {target + 1}"
    if complete:
        raise ValueError(
            f"{expected}. Received: an empty {'source' if is_blank(row[source]) else 'target'}."
        )
    raise ValueError(f"{expected}. Received: {_count_columns(row)}.")


def source_of(row: list[str], place: int, layout: Layout) -> str:
    """Return the source of a row, which may be empty.

    Args:
        row: the fields of the row.
        place: the column of the sources, counted from 0.
        layout: the layout of the columns.

    Raises:
        ValueError: If the row has no such column.
    """
    if place >= len(row):
        raise ValueError(
            f"expected a source in column {place + 1}. Received: {_count_columns(row)}."
        )
    return one_line(row[place]) if layout.quoted else row[place]


def _count_columns(row: list[str]) -> str:
    return "one column" if len(row) == 1 else f"{len(row)} columns"


def advice(row: Row, layout: Layout) -> str:
    """Return advice about a row with too few columns, or "". The advice starts with a space."""
    number, fields = row
    text = "".join(fields)
    if not layout.quoted and text.count('"') % 2:
        return (
            " If a quoted field has a line feed inside, set data.format='csv' and "
            "data.delimiter='\\t'."
        )
    if number > 1 or len(fields) > 1:
        return ""
    for other in (mark for mark in NAMES if mark in text):
        if other == "\t":
            return " It has tabs; set data.format='tsv' (or --format tsv), or data.delimiter='\\t'."
        option = "" if other == "," else f" and data.delimiter={other!r}"
        return f" It has {NAMES[other]}s; set data.format='csv' (or --format csv){option}."
    return ""


def one_line(field: str) -> str:
    """Return a field with spaces instead of line feeds, because no token can contain one."""
    return re.sub(r"[\r\n]+", " ", field.strip("\r\n"))
