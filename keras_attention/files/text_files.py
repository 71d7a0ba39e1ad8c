"""Readers of text files, whose errors name the file and the line."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from keras_attention.errors import InputError
from keras_attention.files.encodings import Readable, as_utf8
from keras_attention.files.path_errors import not_readable

_BYTE_ORDER_MARK = "\ufeff"


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the lines of a text file, without their line ends.

    The text is UTF-8, or has the byte order mark of UTF-16 or UTF-32. It may be in gzip format.
    Byte order marks at the start are dropped.

    A line ends at a line feed; carriage returns before it are dropped. In a file without line
    feeds, as old Mac programs write, a line ends at a carriage return. A carriage return inside a
    line, and the other characters at which `str.splitlines` splits, are part of the text. The file
    is read line by line as needed; a file without a line feed is read as a whole.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not text in one of these
            encodings.
    """
    with _opened(path) as file:
        yield from decode_lines(file, os.fspath(path))


def decode_lines(stream: Readable, name: str) -> Iterator[str]:
    """Yield the lines of an open binary stream, such as standard input, as `read_lines` does.

    Raises:
        InputError: If the stream is not text that `read_lines` accepts.
    """
    for line in _decode_all(as_utf8(stream, name), name):
        yield _without_end(line)


def read_lines_or_errors(path: str | os.PathLike[str]) -> Iterator[str | InputError]:
    """Yield lines as `read_lines` does, but yield an error for a line that is not UTF-8.

    Raises:
        InputError: If the file is missing, a folder or unreadable.
    """
    with _opened(path) as file:
        yield from decode_lines_or_errors(file, os.fspath(path))


def decode_lines_or_errors(stream: Readable, name: str) -> Iterator[str | InputError]:
    """Yield lines as `decode_lines` does, but yield an error for a line that is not UTF-8.

    Raises:
        InputError: If the stream as a whole is not text.
    """
    for line in _texts_or_errors(as_utf8(stream, name), name):
        yield line if isinstance(line, InputError) else _without_end(line)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the whole text of a file, carriage returns included.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not text that `read_lines`
            accepts.
    """
    name = os.fspath(path)
    with _opened(path) as file:
        return "".join(_decode_all(as_utf8(file, name), name))


def count_lines(path: str | os.PathLike[str]) -> int:
    """Return the number of lines of a file, without decoding them.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not text.
    """
    with _opened(path) as file:
        return sum(1 for _ in _split_lines(as_utf8(file, os.fspath(path))))


def decode_text(file_bytes: bytes, name: str) -> str:
    """Return the text of a file's content, which must be UTF-8.

    Raises:
        InputError: If the content is not valid UTF-8.
    """
    return "".join(_decode_all(io.BytesIO(file_bytes), name))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader]:
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise not_readable(path, error) from error


def _decode_all(stream: Iterable[bytes], name: str) -> Iterator[str]:
    for text in _texts_or_errors(stream, name):
        if isinstance(text, InputError):
            raise text
        yield text


def _texts_or_errors(stream: Iterable[bytes], name: str) -> Iterator[str | InputError]:
    for number, line in enumerate(_split_lines(stream), start=1):
        try:
            text = _decode(line, name, number)
        except InputError as error:
            yield error
            continue
        if number == 1:
            text = text.lstrip(_BYTE_ORDER_MARK)
        if text:
            yield text


def _split_lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; split a stream without line feeds at carriage returns."""
    for number, line in enumerate(stream):
        if number == 0 and not line.endswith(b"\n"):
            yield from filter(None, re.split(rb"(?<=\r)", line))
        else:
            yield line


def _without_end(line: str) -> str:
    return line.removesuffix("\n").rstrip("\r")


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: expected UTF-8 text. "
            f"Received: byte 0x{line[error.start]:02x} at column {error.start + 1} of the line."
        ) from None
