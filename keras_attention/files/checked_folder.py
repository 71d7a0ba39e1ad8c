"""Folders of large files that can be made again, with a record of what they were made from."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from keras_attention.errors import InputError
from keras_attention.files.artefacts import MEBIBYTE, open_artefact, read_artefact, read_unchanged
from keras_attention.files.atomic_writes import write_atomically, write_file
from keras_attention.files.file_states import STATE, FileState, settle
from keras_attention.files.schema import (
    JsonFile,
    Kind,
    dictionary_of,
    format_json,
    integer,
    optional,
    text,
)

RECORD_FILE = "record.json"

_FORMAT = 1
_SUM = Kind(
    "the size and CRC-32 of a file",
    lambda value: isinstance(value, list) and [type(item) for item in value] == [int, int],
)
_RECORD = JsonFile(
    "the record of a folder",
    {
        "origin": dictionary_of(text()),
        "numbers": dictionary_of(integer(0)),
        "files": dictionary_of(_SUM),
        "states": optional(dictionary_of(STATE)),
    },
    _FORMAT,
)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Opened(Generic[_Value]):
    """The result of reading a folder.

    Attributes:
        value: what was read; None if the folder cannot be used.
        numbers: the numbers that were given when the folder was written.
        problem: why the folder cannot be used, or "" if it can.
    """

    value: _Value | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


class CheckedFolder:
    """A folder that is written completely or not at all, and that is checked before it is read.

    A record in the folder holds its origin, which says what it was made from, and the size and
    CRC-32 of each file. Damage is therefore found before a file is used. A file is checked again
    only if its `FileState` has changed since its last check.

    Args:
        path: the folder; it need not exist.
        names: the files that it may contain. A folder without a record is replaced only if it
            contains no other files.

    Example:
        >>> import tempfile
        >>> folder = CheckedFolder(Path(tempfile.mkdtemp(), "squares"))
        >>> with folder.writing({"numbers": "1 2 3"}) as (temporary, _):
        ...     _ = (temporary / "squares.txt").write_text("1 4 9")
        >>> folder.problem({"numbers": "1 2 3"}), folder.problem({"numbers": "1 2"})
        ('', 'numbers: changed')
    """

    def __init__(self, path: Path, names: Collection[str] = ()) -> None:
        self.path, self._names = path, {*names, RECORD_FILE}

    @contextmanager
    def writing(self, origin: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, int]]]:
        """Yield a temporary folder and an empty dictionary, and keep both if the block succeeds.

        Args:
            origin: what the files are made from, by name.

        Raises:
            InputError: if the folder cannot be written, or another program made it.
        """
        self._check_own()
        with write_atomically(self.path, folder=True) as temporary:
            temporary.mkdir()
            numbers: dict[str, int] = {}
            yield temporary, numbers
            paths = sorted(temporary.iterdir())
            values = {
                "format": _FORMAT,
                "origin": origin,
                "numbers": numbers,
                "files": {path.name: _sum_of(path) for path in paths},
                "states": {path.name: settle(path) for path in paths},
            }
            (temporary / RECORD_FILE).write_bytes(format_json(values))

    def problem(self, origin: Mapping[str, str]) -> str:
        """Return why the files cannot be used, or "" if they can.

        Read only the files whose state has changed since their last check. If there is no folder,
        return "missing".

        Args:
            origin: what the files must have been made from.
        """
        if not os.path.exists(self.path):
            return "missing"
        try:
            record = self._record()
        except InputError:
            return f"{RECORD_FILE}: damaged"
        if changed := _first_difference(record["origin"], origin):
            return f"{changed}: changed"
        return self._find_damage(record)

    def open(
        self, origin: Mapping[str, str], read: Callable[[Path, Mapping[str, int]], _Value]
    ) -> Opened[_Value]:
        """Check the files and read them; start again if another process replaced the folder.

        Args:
            origin: what the files must have been made from.
            read: reads the folder, whose `numbers` are its second argument. If it raises an
                `OSError` or an `InputError`, the folder cannot be used.
        """

        def check_and_read(folder: Path) -> Opened[_Value]:
            if problem := self.problem(origin):
                return Opened(problem=problem)
            try:
                numbers = self.numbers()
                return Opened(read(folder, numbers), numbers)
            except (OSError, InputError) as error:  # for example, it was just deleted
                return Opened(problem=str(error))

        return read_unchanged(self.path, check_and_read)

    def numbers(self) -> dict[str, int]:
        """Return the numbers that were given when the folder was written.

        Raises:
            InputError: if the record is missing or damaged.
        """
        numbers: dict[str, int] = self._record()["numbers"]
        return numbers

    def origin(self) -> dict[str, str]:
        """Return what the folder was made from.

        Raises:
            InputError: if the record is missing or damaged.
        """
        origin: dict[str, str] = self._record()["origin"]
        return origin

    def _record(self) -> dict[str, Any]:
        path = self.path / RECORD_FILE
        return _RECORD.parse(read_artefact(path), os.fspath(path))

    def _find_damage(self, record: Mapping[str, Any]) -> str:
        """Check the files against the record. If all are intact, store their new states."""
        known = record.get("states", {})
        settled: dict[str, FileState] = {}
        for name, expected in record["files"].items():
            path = self.path / name
            state = FileState.find(path)
            if state is not None and state.is_settled():  # must be called before the read below
                settled[name] = state
            is_known = state is not None and [*state] == known.get(name)
            if not is_known and _found_sum(path, size=expected[0]) != expected:
                return f"{name}: damaged"
        if {name: [*state] for name, state in settled.items()} != known:
            self._keep_states({**record, "states": settled})
        return ""

    def _keep_states(self, record: Mapping[str, Any]) -> None:
        with suppress(InputError):  # the folder may be read-only
            write_file(self.path / RECORD_FILE, format_json(record))

    def _check_own(self) -> None:
        """Check that the folder may be replaced: it has a record, or only files that we write."""
        if not self.path.is_dir() or (self.path / RECORD_FILE).exists():
            return
        if others := sorted({path.name for path in self.path.iterdir()} - self._names):
            raise InputError(
                f"{self.path}: expected a folder that keras-attention wrote. Received: one without "
                f"{RECORD_FILE} and with {others[0]}; move it elsewhere."
            )


def _first_difference(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """Return the first key whose values differ, or "" if there is none."""
    keys = dict.fromkeys([*second, *first])
    return next((key for key in keys if first.get(key) != second.get(key)), "")


def _found_sum(path: Path, size: int) -> list[int]:
    """Return `_sum_of` a file; a file that cannot be read has no size."""
    try:
        return _sum_of(path, size)
    except (OSError, InputError):
        return [-1, 0]


def _sum_of(path: Path, size: int | None = None) -> list[int]:
    """Return the size and the CRC-32 of a file; read it only if it has the given size, if any."""
    found = path.stat().st_size if path.is_file() else -1
    if size not in (None, found):
        return [found, 0]
    total = 0
    with open_artefact(path) as file:
        while chunk := file.read(MEBIBYTE):
            total = zlib.crc32(chunk, total)
    return [found, total]
