"""Reads the files of models and exports: regular files only, whose sizes are checked first."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from keras_attention.errors import InputError
from keras_attention.files.text_files import not_readable

Read = TypeVar("Read")

MEBIBYTE = 1 << 20

LARGEST_TEXT = 64 * MEBIBYTE
"""Bytes of the largest file of settings or of a tokenizer that is read, unpacked."""

LARGEST_MODEL = 2**31 - 1
"""Bytes of the largest TFLite file: the offsets in its format have 32 bits."""

LARGEST_SHORT_LIST = 1024 * MEBIBYTE
"""Bytes of the largest short list that is read, unpacked."""

_RATIO = 100
"""How many times larger unpacked files may be than the archive; ours are not compressed."""

_BINARY = getattr(os, "O_BINARY", 0)


def open_artefact(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file of a model for reading; a symbolic link is followed.

    Raises:
        InputError: If the file is missing, unreadable, or not a regular file, such as a folder, a
            device or a pipe.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except OSError as error:
        raise not_readable(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        found = "Is a directory" if stat.S_ISDIR(mode) else "A device or a pipe"
        raise not_readable(path, found)
    return os.fdopen(descriptor, "rb")


def read_artefact(path: str | os.PathLike[str], *, largest: int = LARGEST_TEXT) -> bytes:
    """Return the bytes of a file of a model.

    Args:
        path: The file; a symbolic link is followed.
        largest: Largest size of the file in bytes.

    Raises:
        InputError: If the file is missing, unreadable, not a regular file, or too large.
    """
    try:
        with open_artefact(path) as file:
            size = os.fstat(file.fileno()).st_size
            file_bytes = file.read() if size <= largest else b""
    except OSError as error:
        raise not_readable(path, error) from error
    if size > largest:
        raise InputError(
            f"{os.fspath(path)}: expected a file of at most {largest} bytes. Received: {size}."
        )
    return file_bytes


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file, which is read in pieces.

    Raises:
        InputError: If the file is missing, unreadable or not a regular file.
    """
    digest = hashlib.sha256()
    try:
        with open_artefact(path) as file:
            while chunk := file.read(MEBIBYTE):
                digest.update(chunk)
    except OSError as error:
        raise not_readable(path, error) from error
    return digest.hexdigest()


def read_unchanged(folder: Path, read: Callable[[Path], Read]) -> Read:
    """Read a folder, and read it once more if another process replaced it meanwhile.

    Args:
        folder: The folder.
        read: Reads the folder and returns the result.

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
    """Check the sizes that an archive declares for its files, before anything is unpacked.

    Args:
        archive: The archive; `zipfile` never unpacks more than the declared sizes.
        where: What an error calls it.
        largest: Largest total size of the unpacked files in bytes, by default `LARGEST_TEXT`;
            None for `LARGEST_TEXT` and 100 times their size in the archive.

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
