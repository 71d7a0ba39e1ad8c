"""Read, write, move and delete files on this machine and in the stores that Beam supports.

A path that contains `://` belongs to a store. Local files have the patterns and the errors of the
other commands. A local file is flushed to disk before it gets its final name.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file as write_local_file
from keras_attention.files.path_errors import not_readable, not_writable
from keras_attention.files.patterns import matching_files


def is_local(path: str) -> bool:
    """Return whether a path is on this machine."""
    return "://" not in path


def find_files(pattern: str) -> dict[str, int]:
    """Return the size in bytes of each file that matches a pattern, by path, in sorted order.

    Raises:
        InputError: if a local file is missing, no file matches, or the store cannot be read.
    """
    if is_local(pattern):
        try:
            return {path: os.stat(path).st_size for path in matching_files(pattern)}
        except OSError as error:
            raise not_readable(error.filename, error) from error
    try:
        found = FileSystems.match([pattern])[0].metadata_list
    except (BeamIOError, ValueError) as error:
        raise not_readable(pattern, _reason(error)) from error
    if not found:
        raise not_readable(pattern, "no file matches")
    return {each.path: each.size_in_bytes for each in sorted(found, key=lambda each: each.path)}


def files_that_begin(prefix: str) -> list[str]:
    """Return the sorted paths of the files whose paths begin with `prefix`."""
    if is_local(prefix):
        return sorted(filter(os.path.isfile, glob.glob(f"{glob.escape(prefix)}*")))
    with _errors_of_writing(prefix):
        return sorted(each.path for each in FileSystems.match([f"{prefix}*"])[0].metadata_list)


@contextmanager
def open_file(path: str) -> Iterator[Any]:
    """Open a file to read its bytes, without decompressing them.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except (OSError, ValueError) as error:
        raise not_readable(path, _reason(error)) from error
    with file:
        yield file


def write_file(path: str, content: bytes) -> None:
    """Write a file that appears only when it is complete, as every file in a store does."""
    if is_local(path):
        write_local_file(path, content)
        return
    with _errors_of_writing(path):
        with FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.write(content)


def move_files(moves: Mapping[str, str]) -> None:
    """Move files. Skip those that an earlier attempt has already moved.

    Raises:
        InputError: if a file exists under neither path, or cannot be moved.
    """
    with _errors_of_writing(next(iter(moves.values()))):
        left = {old: new for old, new in moves.items() if FileSystems.exists(old)}
        for old, new in moves.items():
            if old not in left and not FileSystems.exists(new):
                raise InputError(
                    f"{old}: expected the file that a worker wrote. Received: no file; if the "
                    "workers run on several machines, choose a folder that all of them share."
                )
        if left:
            FileSystems.rename([*left], [*left.values()])


def delete_files(paths: list[str]) -> None:
    """Delete files."""
    if paths:
        with _errors_of_writing(paths[0]):
            FileSystems.delete(paths)


def delete_folder(path: str) -> None:
    """Delete a folder and all files in it, if it exists."""
    if is_local(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        delete_files(files_that_begin(f"{path}/"))


def make_parent(path: str) -> None:
    """Create the folder of a local file, if it does not exist.

    Raises:
        InputError: if the folder cannot be created.
    """
    if is_local(path):
        try:
            Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(path, error) from error


@contextmanager
def _errors_of_writing(path: str) -> Iterator[None]:
    try:
        yield
    except (BeamIOError, OSError, ValueError) as error:
        raise not_writable(path, _reason(error)) from error


def _reason(error: Exception) -> OSError | str:
    if isinstance(error, OSError) and error.strerror:
        return error
    return " ".join(str(error).split())
