"""Readers for the files of models and exports, which must be regular files of limited size."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from keras_attention.errors import InputError
from keras_attention.files.path_errors import not_readable

Read = TypeVar("Read")

MEBIBYTE = 1 << 20

LARGEST_TEXT = 64 * MEBIBYTE
"""Size limit, in bytes after unpacking, of a settings file or a tokenizer's file."""

LARGEST_MODEL = 2**31 - 1
"""Size limit of a TFLite file in bytes: the format has 32-bit offsets."""

LARGEST_SHORT_LIST = 1024 * MEBIBYTE
"""Size limit of a short list, in bytes after unpacking."""

_RATIO = 100
"""Largest ratio of unpacked to packed size of an archive; our archives are not compressed."""

_BINARY = getattr(os, "O_BINARY", 0)


def open_artefact(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file of a model for reading, following symbolic links.

    Raises:
        InputError: If the file is missing, unreadable, or not a regular file, such as a folder, a
            device or a pipe.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would block until a writer opens it.
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
        path: The file; symbolic links are followed.
        largest: Size limit in bytes.

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
    """Return the SHA-256 digest of a file, reading it in chunks."""
    digest = hashlib.sha256()
    try:
        with open_artefact(path) as file:
            while chunk := file.read(MEBIBYTE):
                digest.update(chunk)
    except OSError as error:
        raise not_readable(path, error) from error
    return digest.hexdigest()


def read_unchanged(folder: Path, read: Callable[[Path], Read]) -> Read:
    """Read a folder, and read it again if another process replaced it in the meantime.

    Raises:
        InputError: If `read` raises it although the folder was not replaced.
    """
    before = identity_of(folder)
    try:
        value = read(folder)
    except InputError:
        if identity_of(folder) == before:
            raise
        return read(folder)
    return value if identity_of(folder) == before else read(folder)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return numbers that no other file or folder has at the same time; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_archive(
    archive: zipfile.ZipFile, where: str, *, largest: int | None = LARGEST_TEXT
) -> None:
    """Check the unpacked sizes that an archive declares, before anything is unpacked.

    Args:
        archive: The archive; `zipfile` never unpacks more than the declared sizes.
        where: The archive's name in errors.
        largest: Limit on the total unpacked size in bytes, by default `LARGEST_TEXT`; None for
            `LARGEST_TEXT` plus 100 times the packed size.
    """
    items = archive.infolist()
    if largest is None:
        largest = LARGEST_TEXT + _RATIO * sum(item.compress_size for item in items)
    size = sum(item.file_size for item in items)
    if size > largest:
        raise InputError(
            f"{where}: damaged, expected an archive of at most {largest} unpacked bytes. "
            f"Received: {size} bytes."
        )
