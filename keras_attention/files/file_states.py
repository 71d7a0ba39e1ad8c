"""States and digests of files.

The state of a file shows whether the file has changed, so that it need not be read again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from keras_attention.errors import InputError
from keras_attention.files.artefacts import checksum_of, read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.path_errors import not_readable
from keras_attention.files.schema import JsonFile, Kind, dictionary_of, format_json

_SETTLED = 2 * 10**9
"""Nanoseconds after which a second change of a file gets a different time from the first one.

This holds on every file system. FAT has the coarsest clock, with ticks of 2 seconds.
"""


class FileState(NamedTuple):
    """The size, the times and the identity of a file.

    The state changes whenever a program writes to the file or replaces it. It does not change when
    a failing disk damages the file.

    Attributes:
        size: size in bytes.
        modified: time of the last change of the content, in nanoseconds.
        changed: time of the last change of the content or the attributes, in nanoseconds. Programs
            cannot set it.
        inode: the number of the file on its device.
        device: the number of the device.
    """

    size: int
    modified: int
    changed: int
    inode: int
    device: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileState:
        """Return the state of a file.

        Raises:
            InputError: If there is no such file.
        """
        try:
            found = os.stat(path)
        except OSError as error:
            raise not_readable(path, error) from error
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> FileState | None:
        """Return the state of a file, or None if there is no such file."""
        try:
            return cls.of(path)
        except InputError:
            return None

    def is_settled(self) -> bool:
        """Return whether every later change will give the file another state.

        Two changes in the same tick of the file system's clock may leave the state equal.
        """
        return self.modified <= time.time_ns() - _SETTLED


STATE = Kind(
    "the state of a file",
    lambda value: (
        isinstance(value, list)
        and len(value) == len(FileState._fields)
        and all(type(item) is int for item in value)
    ),
)


def settle(path: Path) -> FileState:
    """Set the time of a new file to a few seconds ago, so that its state is settled."""
    earlier = time.time_ns() - 2 * _SETTLED
    os.utime(path, ns=(earlier, earlier))
    return FileState.of(path)


_known: dict[str, tuple[FileState, str]] = {}
"""For each absolute path, a settled state of the file and its digest."""

_FORMAT = 1
_FILE = JsonFile(
    "the digests of files",
    {
        "files": dictionary_of(
            Kind(
                "the state and the sha256 of a file",
                lambda value: (
                    isinstance(value, dict)
                    and STATE.fits(value.get("state"))
                    and type(value.get("sha256")) is str
                ),
            )
        )
    },
    _FORMAT,
)


def cached_checksum(path: str | os.PathLike[str]) -> str:
    """Return `checksum_of` a file. Compute it only once while the state of the file is the same.

    A file that was written in the last two seconds is read at each call.

    Raises:
        InputError: If the file is missing, unreadable or not a regular file.
    """
    name, state = os.path.abspath(path), FileState.of(path)
    known, sha256 = _known.get(name, (None, ""))
    if known == state:
        return sha256
    is_settled = state.is_settled()  # must be called before the file is read
    sha256 = checksum_of(Path(path))
    if is_settled:
        _known[name] = state, sha256
    return sha256


def load_checksums(path: Path) -> None:
    """Load the digests that `save_checksums` wrote, for `cached_checksum`.

    Do nothing if the file is missing or damaged.
    """
    if not path.exists():
        return
    try:
        files = _FILE.parse(read_artefact(path), os.fspath(path))["files"]
    except InputError:  # damaged
        return
    for name, value in files.items():
        _known.setdefault(name, (FileState(*value["state"]), value["sha256"]))


def save_checksums(path: Path, names: Iterable[str]) -> None:
    """Write the digests of files that `cached_checksum` has computed or loaded.

    Nothing is written if a name is not UTF-8.

    Args:
        path: the file to write. If it already has this content, it is not written again.
        names: the files whose digests to write. Files without a digest are left out.

    Raises:
        InputError: if the file cannot be written.
    """
    known = {name: _known[name] for name in map(os.path.abspath, names) if name in _known}
    files = {name: {"state": state, "sha256": sha256} for name, (state, sha256) in known.items()}
    try:
        content = format_json({"format": _FORMAT, "files": files})
    except UnicodeEncodeError:  # the name of a file is not UTF-8
        return
    if files and not (path.exists() and path.read_bytes() == content):
        write_file(path, content)
