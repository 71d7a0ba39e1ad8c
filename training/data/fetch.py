"""The download of a public data set's files. Only complete and checked files are stored.

`keras.utils.get_file` is not used because it has no size limit and no timeout, it writes to the
final path while it downloads, and some of these sites reject its user agent.
"""

from __future__ import annotations

import gzip
import http.client
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from lzma import LZMAError
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from keras_attention._version import __version__
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.text_files import decode_lines

from .dataset_folder import check_lines
from .datasets import DataFile

TIMEOUT = 30.0
"""Seconds without a response after which a download fails."""

_CHUNK = 1 << 16
_LINE, _REST = 1 << 12, 1 << 20
"""Bytes per line and extra bytes per file, which together limit the size of a file."""
_BROKEN = (
    *(OSError, EOFError, zlib.error, LZMAError, zipfile.BadZipFile, struct.error),
    *(KeyError, ValueError),  # no such member, or a name that cannot be decoded
    RuntimeError,  # encrypted, or an unknown method of compression
)

Opener = Callable[[str], Any]
"""A function that opens a URL. It returns a context manager with `read(size)` and `headers`."""


def open_url(url: str) -> Any:
    """Open a URL, with our own user agent because some sites reject Python's."""
    agent = f"Mozilla/5.0 (compatible; keras-attention/{__version__})"
    return urlopen(Request(url, headers={"User-Agent": agent}), timeout=TIMEOUT)


def fetch_file(
    file: DataFile,
    folder: str | os.PathLike[str],
    *,
    opener: Opener = open_url,
    advance: Callable[[int], object] = lambda size: None,
) -> None:
    """Download one file, unpack it and check its lines, and only then store it.

    Args:
        file: the file to download.
        folder: the data set's folder; it is created if it is missing.
        opener: a function that opens a URL.
        advance: called with the size in bytes of each piece received.

    Raises:
        InputError: if the file exists already, the download fails or is incomplete, the content is
            not as expected, or the folder cannot be written.
    """
    path = Path(folder, file.path)
    if os.path.lexists(path):
        raise InputError(
            f"{path}: expected no file here, because existing files are never overwritten. "
            "Received: an existing file."
        )
    file_bytes = _unpack(file, _download(file, opener, advance))
    check_lines(file, decode_lines(io.BytesIO(file_bytes), file.url), file.url)
    write_file(path, file_bytes)


def _download(file: DataFile, opener: Opener, advance: Callable[[int], object]) -> bytes:
    url, pieces = file.url, io.BytesIO()
    try:
        with opener(url) as response:
            expected = response.headers.get("Content-Length")
            while piece := response.read(_CHUNK):
                pieces.write(piece)
                advance(len(piece))
                _check_size(file, pieces.tell(), "has")
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        status = f"{error.code} " if hasattr(error, "code") else ""
        raise InputError(
            f"{url}: cannot be downloaded ({status}{reason}); try again, or copy the file into the "
            "folder yourself."
        ) from error
    if expected is not None:
        _check_length(url, pieces.tell(), expected.strip())
    return pieces.getvalue()


def _check_length(url: str, received: int, promised: str) -> None:
    """Check that all bytes were received; `read(size)` does not raise if a connection ends."""
    if not (promised.isascii() and promised.isdecimal()):
        raise InputError(
            f"{url}: expected a number of bytes in Content-Length. Received: {promised[:40]!r}."
        )
    if received != int(promised):
        raise InputError(
            f"{url}: the connection ended early; expected {promised} bytes. Received: {received}."
        )


def _unpack(file: DataFile, file_bytes: bytes) -> bytes:
    limit = _limit(file)
    try:
        if file.url.endswith(".gz"):
            with gzip.open(io.BytesIO(file_bytes)) as packed:
                file_bytes = packed.read(limit + 1)
        elif file.member:
            with (
                zipfile.ZipFile(io.BytesIO(file_bytes)) as archive,
                archive.open(file.member) as packed,
            ):
                file_bytes = packed.read(limit + 1)
    except _BROKEN as error:
        kind = f"a zip archive with {file.member}" if file.member else "a gzip file"
        raise InputError(f"{file.url}: expected {kind}. Received: {error}.") from error
    _check_size(file, len(file_bytes), "unpacks to")
    return file_bytes


def _limit(file: DataFile) -> int:
    return file.lines * _LINE + _REST


def _check_size(file: DataFile, size: int, does: str) -> None:
    if size > _limit(file):
        raise InputError(
            f"{file.url}: expected a file of about {file.lines} lines. "
            f"Received: one that {does} more than {_limit(file):,} bytes."
        )
