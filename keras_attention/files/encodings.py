"""Conversion of text files in other encodings, or compressed by gzip, to plain UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, BinaryIO

from keras_attention.errors import InputError

Readable = io.BufferedIOBase | BinaryIO

MAX_RATIO = 200
"""Largest ratio of unpacked to packed size of a gzip file, if it unpacks to more than `FREE_SIZE`.

Gzip compresses text 2 to 10 times, and a single repeated byte 1,000 times.
"""
FREE_SIZE = 1 << 26
"""Unpacked bytes up to which a gzip file is accepted, whatever its packed size is."""

GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""

_CHUNK = 1 << 16
_MARKS = {  # UTF-32 first: its mark begins with the mark of UTF-16-LE
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet such as .xlsx; save the sheet as CSV, or unpack "
    "the archive",
    b"\xd0\xcf\x11\xe0": "an Excel file (.xls); save the sheet as CSV",
    b"BZh": "a bzip2 file; unpack it",
    b"\xfd7zXZ\x00": "an xz file; unpack it",
    b"\x28\xb5\x2f\xfd": "a Zstandard file; unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"PAR1": "a Parquet file; set data.format='parquet'",
    b"%PDF-": "a PDF file; save its text as UTF-8",
}
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\v\x1b")
_LEAST = 8
"""With fewer bytes, the share of control characters does not show whether a file is binary."""


@contextmanager
def open_unpacked(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader]:
    """Open a file for reading bytes; unpack it if it is a gzip file.

    Raises:
        InputError: While reading, if the gzip data are damaged or unreasonably large.
        OSError: If the file cannot be opened or read.
    """
    with open(path, "rb") as file:
        yield unpacked(file, os.fspath(path))


def unpacked(stream: Readable, name: str) -> io.BufferedReader:
    """Return a stream of the unpacked bytes if `stream` is gzip, otherwise of the same bytes.

    Raises:
        InputError: While reading, if the gzip data are damaged or unreasonably large.
    """
    buffered = _buffered(stream)
    if not buffered.peek(len(GZIP)).startswith(GZIP):
        return buffered
    return io.BufferedReader(_Unpacked(buffered, name))


def as_utf8(stream: Readable, name: str) -> io.BufferedReader:
    """Return a stream of the same text as UTF-8, converted from gzip, UTF-16 or UTF-32.

    UTF-16 and UTF-32 are recognised by their byte order mark, which stays in the text. Everything
    else is assumed to be UTF-8 and is not checked.

    Raises:
        InputError: If the stream has the signature of another kind of file, such as a spreadsheet,
            or looks like UTF-16 without a mark or like a binary file. Also raised while reading, if
            its text or the gzip data are damaged.

    Example:
        >>> as_utf8(io.BytesIO("année".encode("utf-16")), "text").read().decode("utf-8-sig")
        'année'
    """
    plain = unpacked(stream, name)
    start = plain.peek(_CHUNK)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return io.BufferedReader(_Recoded(plain, encoding, name))
    for signature, kind in _OTHERS.items():
        if start.startswith(signature):
            raise InputError(f"{name}: expected UTF-8 text. Received: {kind}.")
    controls = len(start) - len(start.translate(None, _CONTROLS))
    if len(start) >= _LEAST and 4 * controls > len(start):
        raise InputError(
            f"{name}: expected UTF-8 text. Received: a binary file, or UTF-16 without a byte order "
            "mark; save it as UTF-8."
        )
    return plain


def _buffered(stream: Readable) -> io.BufferedReader:
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(stream)  # type: ignore[arg-type]  # such as BytesIO


class _Converted(io.RawIOBase):
    """A stream whose bytes are converted from another stream."""

    def __init__(self) -> None:
        super().__init__()
        self._ready = memoryview(b"")

    @abstractmethod
    def _next(self) -> bytes:
        """Return the next bytes, or none at the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ready:
            self._ready = memoryview(self._next())
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


class _Unpacked(_Converted):
    """The unpacked bytes of a gzip stream."""

    def __init__(self, stream: io.BufferedReader, name: str) -> None:
        super().__init__()
        self._stream, self._name = stream, name
        self._packed_size = self._size = 0
        packed: Any = SimpleNamespace(read=self._read_packed)
        self._file = gzip.GzipFile(fileobj=packed, mode="rb")

    def _read_packed(self, size: int) -> bytes:
        piece = self._stream.read1(size)
        self._packed_size += len(piece)
        return piece

    def _next(self) -> bytes:
        try:
            piece = self._file.read(io.DEFAULT_BUFFER_SIZE)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{self._name}: damaged gzip file: {error}.") from error
        self._size += len(piece)
        if self._size > max(FREE_SIZE, MAX_RATIO * self._packed_size):
            raise InputError(
                f"{self._name}: expected a gzip file of text. Received: a file that unpacks to "
                f"over {MAX_RATIO} times its size; if the file is not damaged, unpack it first."
            )
        return piece


class _Recoded(_Converted):
    """A stream that converts another stream from its encoding to UTF-8."""

    def __init__(self, stream: io.BufferedReader, encoding: str, name: str) -> None:
        super().__init__()
        self._stream, self._encoding, self._name = stream, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._line = 1

    def _next(self) -> bytes:
        while piece := self._stream.read1(_CHUNK):
            if text := self._decode(piece):
                return text.encode()
        return self._decode(b"", final=True).encode()

    def _decode(self, piece: bytes, *, final: bool = False) -> str:
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            valid = error.object[: error.start].decode(self._encoding)
            raise InputError(
                f"{self._name}, line {self._line + valid.count(chr(10))}: expected "
                f"{self._encoding.rpartition('-')[0].upper()} text, because of the byte order "
                f"mark. Received: {error.reason}."
            ) from None
        self._line += text.count("\n")
        return text
