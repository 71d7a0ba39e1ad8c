"""Files that are written in parts, so that an interrupted command can continue them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import (
    check_kind,
    flush_to_disk,
    remove_parents,
    write_file,
)
from keras_attention.files.path_errors import errors_of_writing, not_writable
from keras_attention.files.schema import JsonFile, Kind, integer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".partial"
"""Ending of the name of a file that is not complete; its record ends in `.partial.json`."""

_SECONDS = 1.0
"""Time between two records; what was added since the last one is lost if the process is killed."""

_FORMAT = 1
_RECORD = JsonFile(
    "the record of an unfinished file",
    {"bytes": integer(1), "state": Kind("an object", lambda value: isinstance(value, dict))},
    _FORMAT,
)


class PartialFile:
    """The parts of a file that are written so far; `write_in_parts` makes this object.

    Attributes:
        path: the file that holds the parts.
        record: the JSON file with the size of the parts and the state.
        state: the state that was given with the last part; empty if there is no part.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int, state: Mapping[str, Any]) -> None:
        self.path, self.record, self.state = path, _record_of(path), state
        self._file, self._size = file, size
        self._next = time.monotonic()

    def add(self, part: str, state: Mapping[str, Any]) -> None:
        """Append a part of complete lines, and the state from which the writer can continue."""
        content = part.encode()
        self._file.write(content)
        self._size, self.state = self._size + len(content), state
        if time.monotonic() >= self._next:
            self.save()
            self._next = time.monotonic() + _SECONDS

    def save(self) -> None:
        """Flush the parts to the disk, and record their size with the state."""
        self._file.truncate(self._size)  # an interrupted `add` may have written more
        self._file.flush()
        os.fsync(self._file.fileno())
        values = {"format": _FORMAT, "bytes": self._size, "state": self.state}
        write_file(self.record, json.dumps(values, ensure_ascii=False).encode())


@contextmanager
def write_in_parts(path: str | os.PathLike[str], *, resume: bool = False) -> Iterator[PartialFile]:
    r"""Write a file in parts, and move it to `path` when the block succeeds.

    Until then `path` stays as it was, and the parts are in a file next to it, `NAME.partial`, with
    a record, `NAME.partial.json`. If the block raises, both files stay, unless no part was added.
    If the process is killed, the parts up to the last record remain, which is at most a second old.

    Args:
        path: The file to write; symbolic links are followed.
        resume: Whether to keep the parts of an earlier call, if there are any. They are deleted
            otherwise.

    Raises:
        InputError: If the file cannot be written, another process is writing it, its record is
            damaged, or there is a complete file and no part to resume.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "out.txt"
        >>> with write_in_parts(path) as parts:
        ...     parts.add("one\n", {"lines": 1})
        ...     path.exists()
        False
        >>> path.read_text()
        'one\n'
    """
    target = Path(os.path.realpath(path))
    check_kind(path, target, folder=False)
    part, _ = unfinished_files(path)
    if resume and target.exists() and not part.exists():
        raise InputError(
            f"{os.fspath(path)}: expected an unfinished output, {part.name}, to resume. Received: "
            "a complete file; without --resume it is replaced."
        )
    with errors_of_writing(path), remove_parents(target):
        with _open_locked(part) as file:
            parts = _begin(part, file, resume=resume)
            try:
                yield parts
            except BaseException:
                _keep_or_remove(parts)
                raise
            _finish(parts, target)


def _open_locked(part: Path) -> BinaryIO:
    """Open the file of the parts and lock it; open it again if another process moves it before."""
    while True:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            file = open(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        except OSError as error:
            raise not_writable(part, error) from error
        try:
            _lock(file, part)
            if fcntl is None or _is_at(part, file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is_at(part: Path, file: BinaryIO) -> bool:
    """Return whether a path still names an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(part))
    except FileNotFoundError:
        return False


def _begin(part: Path, file: BinaryIO, *, resume: bool) -> PartialFile:
    """Return the recorded parts, or none if a new file is begun."""
    record = _record_of(part)
    if not (resume and record.exists()):
        record.unlink(missing_ok=True)
        file.truncate(0)
        return PartialFile(part, file, 0, {})
    values = _RECORD.parse(read_artefact(record), os.fspath(record))
    size = os.fstat(file.fileno()).st_size
    if size < values["bytes"]:
        raise InputError(
            f"{part}: damaged, expected at least {values['bytes']} bytes, as {record.name} says. "
            f"Received: {size}; begin again without --resume."
        )
    file.truncate(values["bytes"])
    file.seek(values["bytes"])
    return PartialFile(part, file, values["bytes"], values["state"])


def _finish(parts: PartialFile, target: Path) -> None:
    parts._file.flush()
    os.fsync(parts._file.fileno())
    _close_on_windows(parts)
    try:
        os.replace(parts.path, target)
    except OSError as error:
        raise not_writable(target, error) from error
    parts.record.unlink(missing_ok=True)
    flush_to_disk(target.parent)


def _keep_or_remove(parts: PartialFile) -> None:
    if parts.state:
        parts.save()
    else:
        _close_on_windows(parts)
        parts.path.unlink(missing_ok=True)


def _close_on_windows(parts: PartialFile) -> None:
    """Close the file where an open one cannot be moved or deleted; elsewhere it stays locked."""
    if fcntl is None:
        parts._file.close()


def unfinished_files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the paths of the parts and of their record while `write_in_parts` writes a file."""
    target = Path(os.path.realpath(path))
    part = target.with_name(target.name + SUFFIX)
    return part, _record_of(part)


def _record_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _lock(file: BinaryIO, part: Path) -> None:
    """Lock the parts until the file is closed, on systems with file locks."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{part}: another process is writing this file; wait until it ends."
        ) from None
    except OSError:
        return  # a file system without locks
