"""Reads the files of models and exports: regular files only, of a size that is checked first."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from keras_attention.errors import InputError

Read = TypeVar("Read")

MEBIBYTE = 1 << 20

LARGEST_TEXT = 64 * MEBIBYTE
"""Bytes of the largest file of settings or of a tokenizer that is read, unpacked."""

LARGEST_MODEL = 2**31 - 1
"""Bytes of the largest TFLite file: the offsets in its format have 32 bits."""

LARGEST_SHORT_LIST = 1024 * MEBIBYTE
"""Bytes of the largest short list that is read, unpacked."""

_RATIO = 100
"""Times that what an archive holds may be larger than the archive; ours are not compressed."""

_BINARY = getattr(os, "O_BINARY", 0)


def open_artefact(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file of a model for reading; a symbolic link is followed.

    Raises:
        InputError: If the file is missing, unreadable, or no regular file: a folder, a device, or
            a pipe, which would be waited for.
    """
    try:
        # Without waiting: to open a pipe waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except OSError as error:
        raise _not_readable(path, error.strerror or str(error)) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        found = "Is a directory" if stat.S_ISDIR(mode) else "A device or a pipe"
        raise _not_readable(path, found)
    return os.fdopen(descriptor, "rb")


def read_artefact(path: str | os.PathLike[str], *, largest: int = LARGEST_TEXT) -> bytes:
    """Return the bytes of a file of a model.

    Args:
        path: The file; a symbolic link is followed.
        largest: Bytes that the file may have.

    Raises:
        InputError: If the file is missing, unreadable, no regular file, or too large.
    """
    try:
        with open_artefact(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read() if size <= largest else b""
    except OSError as error:
        raise _not_readable(path, error.strerror or str(error)) from error
    if size > largest:
        raise InputError(
            f"{os.fspath(path)}: expected a file of at most {largest} bytes. Received: {size}."
        )
    return content


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file of a model, which is never read as a whole.

    Raises:
        InputError: If the file is missing, unreadable or no regular file.
    """
    digest = hashlib.sha256()
    try:
        with open_artefact(path) as file:
            while chunk := file.read(MEBIBYTE):
                digest.update(chunk)
    except OSError as error:
        raise _not_readable(path, error.strerror or str(error)) from error
    return digest.hexdigest()


def read_unchanged(folder: Path, read: Callable[[Path], Read]) -> Read:
    """Return what `read` makes of a folder, which another process may replace meanwhile.

    Args:
        folder: The folder.
        read: Reads the folder; it is called once more if the folder was replaced while it read.

    Raises:
        InputError: If `read` raises it for a folder that stayed the same.
    """
    before = _identity(folder)
    try:
        value = read(folder)
    except InputError:
        if _identity(folder) == before:
            raise
        return read(folder)
    return value if _identity(folder) == before else read(folder)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_archive(
    archive: zipfile.ZipFile, where: str, *, largest: int | None = LARGEST_TEXT
) -> None:
    """Check what an archive says of the sizes of its files, before anything is unpacked.

    Args:
        archive: The archive; what `zipfile` unpacks is never more than the archive says.
        where: What an error calls it.
        largest: Bytes that all its files may have together, unpacked; by default `LARGEST_TEXT`.
            None for 100 times the bytes that they take in the archive.

    Raises:
        InputError: If they are too large.
    """
    items = archive.infolist()
    if largest is None:
        largest = LARGEST_TEXT + _RATIO * sum(item.compress_size for item in items)
    size = sum(item.file_size for item in items)
    if size > largest:
        raise InputError(
            f"{where}: damaged, expected files of at most {largest} bytes in this archive. "
            f"Received: {size} bytes."
        )


def _not_readable(path: str | os.PathLike[str], reason: str) -> InputError:
    return InputError(f"{os.fspath(path)}: expected a file that can be read. Received: {reason}.")
