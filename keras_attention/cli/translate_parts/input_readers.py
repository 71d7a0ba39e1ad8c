"""The readers of the sources in files of pairs, for `translate --format`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from keras_attention.cli.arguments import read_settings
from keras_attention.cli.lines import LINES, Line, Reader, input_name, read_file, usable
from keras_attention.errors import InputError
from keras_attention.training.data.records import field_value, not_a_text, open_records
from keras_attention.training.data.tables import Layout, one_line, open_table, source_of
from keras_attention.training.recipe.data_config import RECORDS, TABLES, DataConfig

_FORMATS = ("lines", *TABLES, *RECORDS)
_READING = ("delimiter", "header", "source_column")
"""Settings of the section `data` that define how the sources are read."""


def open_reader(file: str, input_format: str, settings: Sequence[str]) -> Reader:
    """Return the reader of the input.

    Args:
        file: the file, a pattern, or `-` for standard input.
        input_format: the format of the input, one of `_FORMATS`.
        settings: settings of `data` for reading a file of pairs, each as "key=value".
    """
    if input_format not in _FORMATS:
        raise InputError(
            f"--format must be one of {', '.join(_FORMATS)}. Received: --format {input_format}."
        )
    if input_format == "lines":
        if settings:
            raise InputError(
                f"--set requires --format {', '.join(_FORMATS[1:-1])} or {_FORMATS[-1]}. "
                f"Received: --set {settings[0]} alone."
            )
        return LINES
    if input_format == "parquet" and file == "-":
        raise InputError("--format parquet requires a FILE. Received: standard input.")
    config = DataConfig(format=input_format, **read_settings(settings, _READING))
    if input_format in TABLES:
        read = partial(_read_table, Layout.of(config))
    else:
        read = partial(_read_records, input_format, config.source_column or "source")
    unit = "row" if input_format == "parquet" else "line"
    return Reader(read, count=lambda path: sum(1 for _ in read(path)), unit=unit)


def _read_table(layout: Layout, file: str) -> Iterator[tuple[int, Line]]:
    """Yield the number of the line on which each row starts, and its source or the error about it.

    Raises:
        InputError: if the table is malformed. Also if the first row has no source, because then the
            settings are probably wrong.
    """
    name = input_name(file)
    names, rows = open_table(map(usable, read_file(file)), name, layout)
    place = layout.source_place(names, f"{name}, line 1")
    for count, (number, row) in enumerate(rows):
        try:
            yield number, source_of(row, place, layout)
        except ValueError as error:
            problem = InputError(f"{name}, line {number}: {error}")
            if count == 0:
                raise problem from None
            yield number, problem


def _read_records(record_format: str, field: str, file: str) -> Iterator[tuple[int, Line]]:
    """Yield the number of each record, and its source or the error about it.

    Raises:
        InputError: if the file is malformed. Also if the first record does not have the field,
            because then the setting is probably wrong.
    """
    name = input_name(file)
    records = open_records(map(usable, read_file(file)), name, record_format, [field])
    for number, (where, record) in enumerate(records, start=1):
        try:
            value = field_value(where, record, "source", field)
        except InputError as error:
            if number == 1:
                raise
            yield number, error
            continue
        yield number, one_line(value) if isinstance(value, str) else not_a_text(where, field, value)
