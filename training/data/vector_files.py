"""Readers of vector files: word2vec's text and binary files, fastText's and GloVe's text files."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.encodings import open_unpacked
from keras_attention.files.path_errors import not_readable
from keras_attention.files.text_files import decode_lines

Vector = npt.NDArray[np.float32]

_CHUNK = 1 << 20
_LARGEST = float(np.finfo("float32").max)
_HEADER = re.compile(r"([0-9]{1,18}) ([0-9]{1,18})")
"""Matches the first line of a text file. Numbers have at most 18 digits, because `int` rejects very
long ones."""
_BINARY = re.compile(rb"[0-9]{1,18} [0-9]{1,18}\n.*?[\0-\x08\x0e-\x1f]", re.DOTALL)
"""Matches the start of a binary file, which has a control character after its first line."""


class Entry(NamedTuple):
    """A token and its vector. Only `vector()` checks the numbers, so unused vectors cost nothing.

    Attributes:
        where: file and line or number, for error messages.
        token: the token.
        numbers: the numbers of the vector, as text or as float32.
    """

    where: str
    token: str
    numbers: Sequence[str] | Vector

    def vector(self) -> Vector:
        """Return the vector as a float32 array.

        Raises:
            InputError: if a number is not finite in float32.
        """
        for number in self.numbers:
            if not _is_float32(number):
                raise InputError(
                    f"{self.where}: expected finite numbers. Received: {str(number)[:40]!r}."
                )
        return np.array(self.numbers, dtype="float64").astype("float32")


def _is_float32(number: str | float) -> bool:
    """Return whether a number is finite in float32 and is written as C writes numbers."""
    text = str(number)
    try:
        return text.isascii() and "_" not in text and abs(float(text)) <= _LARGEST
    except ValueError:
        return False


def read_vectors(path: str, width: int) -> Iterator[Entry]:
    """Yield the entries of a vector file without loading the whole file.

    The first line has the number of tokens and the width (GloVe's files omit this line). In a text
    file, every other line has a token and its numbers, separated by single spaces. In a binary
    file of word2vec, a space ends each token and its numbers are little-endian float32. Both kinds
    may be compressed with gzip.

    Args:
        path: the vector file.
        width: the width that each vector must have.

    Raises:
        InputError: if the file cannot be read, an entry is malformed or has the wrong width.
    """
    try:
        with open_unpacked(path) as stream:
            if _BINARY.match(stream.peek(_CHUNK)):
                yield from _binary_entries(stream, path, width)
            else:
                yield from _text_entries(decode_lines(stream, path), path, width)
    except OSError as error:
        raise not_readable(path, error) from error


def _binary_entries(stream: io.BufferedReader, path: str, width: int) -> Iterator[Entry]:
    promised, received = (int(text) for text in stream.readline().split())
    _check_width(received, width, f"{path}, line 1")
    data, place, size = b"", 0, 4 * width
    for number in range(1, promised + 1):
        where = f"{path}, token {number}"
        while (end := data.find(b" ", place)) < 0 or len(data) < end + 1 + size:
            piece = stream.read(_CHUNK)
            if not piece:
                raise InputError(
                    f"{path}: expected {promised} tokens (the number on line 1). "
                    f"Received: {number - 1}."
                )
            data, place = data[place:] + piece, 0
        try:
            token = data[place:end].lstrip(b"\n").decode()
        except UnicodeDecodeError:
            raise InputError(f"{where}: expected UTF-8. Received: {data[place:end]!r}.") from None
        yield Entry(where, token, np.frombuffer(data, "<f4", width, end + 1))
        place = end + 1 + size
    if (data[place:] + stream.read(_CHUNK)).strip():
        raise InputError(
            f"{path}: expected {promised} tokens (the number on line 1). Received: more."
        )


def _text_entries(texts: Iterator[str], path: str, width: int) -> Iterator[Entry]:
    lines = enumerate((line.rstrip(" ") for line in texts), start=1)
    first = next(lines, (1, ""))
    promised = _HEADER.fullmatch(first[1])
    if promised:
        _check_width(int(promised[2]), width, f"{path}, line 1")
    count = 0
    for number, line in lines if promised else itertools.chain([first], lines):
        where = f"{path}, line {number}"
        # Split from the right, because some of GloVe's tokens contain spaces.
        token, *numbers = line.rsplit(" ", width) if count else line.split(" ")
        if not (token and numbers):
            raise InputError(
                f"{where}: expected a token and its numbers, separated by single spaces. "
                f"Received: {line[:40]!r}."
            )
        _check_width(len(numbers), width, where)
        count += 1
        yield Entry(where, token, numbers)
    if promised and count != int(promised[1]):
        raise InputError(
            f"{path}: expected {promised[1]} tokens (the number on line 1). Received: {count}."
        )


def _check_width(received: int, width: int, where: str) -> None:
    if received != width:
        raise InputError(
            f"{where}: expected vectors of {width} numbers (model.embedding). Received: {received}."
        )
