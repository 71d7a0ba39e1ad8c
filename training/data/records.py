"""Readers of files of records with named fields: JSON lines, and Parquet through pyarrow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keras_attention.distribution import install_command
from keras_attention.errors import InputError, TextError, encode_text
from keras_attention.files.encodings import GZIP
from keras_attention.files.path_errors import not_readable
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank

from ..recipe.data_config import DataConfig
from .tables import one_line, without_blank_end

Record = tuple[str, Mapping[str, Any]]
"""Where a record is, such as "pairs.jsonl, line 3", and its values by field."""

_ROWS = 4096
"""Rows of a Parquet file to convert at a time."""


def read_records(path: str | os.PathLike[str], config: DataConfig) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a file of records.

    Line feeds inside a text are read as spaces, because no token can contain one.

    Args:
        path: The file.
        config: The recipe's `[data]` section. `source_column` and `target_column` name the fields;
            a dot separates the names of nested fields, as in `translation.en`.

    Raises:
        InputError: If the file is missing, empty or malformed, if a record does not have both
            fields, if a field is blank or not a text, or if pyarrow is needed and not installed.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "pairs.jsonl")
        >>> with open(path, "w", encoding="utf-8") as file:
        ...     _ = file.write('{"id": 1, "translation": {"en": "wine", "ko": "와인"}}')
        >>> fields = {"source_column": "translation.en", "target_column": "translation.ko"}
        >>> list(read_records(path, DataConfig(format="jsonl", path=path, **fields)))
        [('wine', '와인')]
    """
    name = os.fspath(path)
    fields = {"source": config.source_column, "target": config.target_column}
    fields = {side: field or side for side, field in fields.items()}
    if fields["source"] == fields["target"]:
        raise InputError(
            "`data.source_column` and data.target_column must be different fields. "
            f"Received: {fields['source']!r} for both."
        )
    records = open_records(read_lines(path), name, config.format, fields.values())
    pair = None
    for where, record in records:
        pair = _pair(where, record, fields)
        yield pair
    if pair is None:
        raise InputError(f"{name}: expected pairs. Received: an empty file.")


def open_records(
    lines: Iterable[str], name: str, record_format: str, fields: Iterable[str]
) -> Iterator[Record]:
    """Return the records of a file.

    Args:
        lines: The lines of the file, for JSON lines.
        name: The path of the file, for Parquet; also its name in error messages.
        record_format: "jsonl" or "parquet".
        fields: The names of the fields to read.

    Raises:
        InputError: While the records are read; see `json_records` and `parquet_records`.
    """
    if record_format == "jsonl":
        return json_records(lines, name)
    return parquet_records(name, fields)


def json_records(lines: Iterable[str], name: str) -> Iterator[Record]:
    """Yield the object on each line of a JSON lines file.

    Args:
        lines: The lines, without line ends.
        name: The name of the file in error messages.

    Raises:
        InputError: If a line is not a JSON object, or an empty line is followed by another.
    """
    numbered = enumerate(lines, start=1)
    for number, line in without_blank_end(numbered, is_blank, name, "a JSON object"):
        where = f"{name}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            found = f"{_problem(error)} in {line[:80]!r}"
            raise InputError(f"{where}: expected a JSON object. Received: {found}.") from None
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected a JSON object. Received: {line[:80]!r}.")
        yield where, record


def _problem(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "a value that is not JSON"


def parquet_records(name: str, fields: Iterable[str]) -> Iterator[Record]:
    """Yield the rows of a Parquet file; only the columns of the fields are read.

    Args:
        name: The path of the file.
        fields: The names of the fields, with dots before nested ones.

    Raises:
        InputError: If pyarrow is not installed, or the file is missing or not a Parquet file.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            f"{name}: data.format='parquet' requires pyarrow; install it with "
            f"{install_command('data')}. Received: no pyarrow."
        ) from None
    try:
        with open(name, "rb") as stream:
            if stream.peek(len(GZIP)).startswith(GZIP):
                raise InputError(
                    f"{name}: expected a Parquet file. Received: a gzip file; unpack it, because "
                    "Parquet files compress their columns themselves."
                )
            yield from _rows(pyarrow.parquet.ParquetFile(stream), name, fields)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise not_readable(name, error) from error
        problem = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{name}: expected a Parquet file. Received: {problem}.") from None


def _rows(file: Any, name: str, fields: Iterable[str]) -> Iterator[Record]:
    columns, number = _columns(file.schema_arrow.names, fields), 0
    with file:
        for batch in file.iter_batches(_ROWS, columns=columns):
            for record in batch.to_pylist():
                number += 1
                yield f"{name}, row {number}", record


def _columns(names: Iterable[str], fields: Iterable[str]) -> list[str] | None:
    """Return the columns that hold the fields, or None if a field is in no column.

    With None, all columns are read, so that the error about the first row lists their names.
    """
    found = [
        [name for name in names if field == name or field.startswith(f"{name}.")]
        for field in fields
    ]
    return list(dict.fromkeys(sum(found, []))) if all(found) else None


def _pair(where: str, record: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[str, str]:
    source, target = (_text(where, record, side, field) for side, field in fields.items())
    return source, target


def _text(where: str, record: Mapping[str, Any], side: str, field: str) -> str:
    value = field_value(where, record, side, field)
    if not isinstance(value, str) or is_blank(value):
        raise not_a_text(where, field, value)
    try:
        encode_text(value)  # JSON can escape half of a surrogate pair
    except TextError as error:
        raise InputError(f"{where}: {error.problem}") from None
    return one_line(value)


def field_value(where: str, record: Mapping[str, Any], side: str, field: str) -> Any:
    """Return the value of a field.

    Args:
        where: The place of the record in error messages.
        record: The record.
        side: "source" or "target".
        field: The name of the field, with dots before nested ones.

    Raises:
        InputError: If the record does not have this field.
    """
    try:
        return _value(record, field)
    except KeyError:
        names = ", ".join(map(repr, _names(record))) or "no fields"
        raise InputError(
            f"{where}: expected the field {field!r} (data.{side}_column). Received: {names}."
        ) from None


def not_a_text(where: str, field: str, value: Any) -> InputError:
    """Return the error for a field that is blank or not a text."""
    found = repr(value)[:80]
    return InputError(f"{where}: expected a text in the field {field!r}. Received: {found}.")


def _value(record: Any, field: str) -> Any:
    """Return the value of a field, or raise a KeyError. A name may itself contain dots."""
    if not isinstance(record, Mapping):
        raise KeyError(field)
    if field in record:
        return record[field]
    outer, _, inner = field.partition(".")
    return _value(record[outer], inner)


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the fields that are not themselves records."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in _names(value))
        else:
            yield name
