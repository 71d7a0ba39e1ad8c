"""Folders of large files that can be made again, with a record of what they were made from."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files.artefacts import MEBIBYTE, open_artefact, read_artefact
from keras_attention.files.schema import JsonFile, Kind, dictionary_of, integer, text
from keras_attention.files.text_files import write_atomically

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
    },
    _FORMAT,
)


class CheckedFolder:
    """A folder that is written completely or not at all, and that is checked before it is read.

    A record in the folder holds its origin, which says what it was made from, and the size and
    CRC-32 of each file. Damage is therefore found before a file is used.

    Args:
        path: the folder; it need not exist.

    Example:
        >>> import tempfile
        >>> folder = CheckedFolder(Path(tempfile.mkdtemp(), "squares"))
        >>> with folder.writing({"numbers": "1 2 3"}) as (temporary, _):
        ...     _ = (temporary / "squares.txt").write_text("1 4 9")
        >>> folder.problem({"numbers": "1 2 3"}), folder.problem({"numbers": "1 2"})
        ('', 'numbers: changed')
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self, origin: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, int]]]:
        """Yield a temporary folder and an empty dictionary, and keep both if the block succeeds.

        Args:
            origin: what the files are made from, by name.

        Yields:
            The folder to write the files into, and a dictionary for `numbers`.

        Raises:
            InputError: if the folder cannot be written, or another program made it.
        """
        if self.path.exists() and not (self.path / RECORD_FILE).exists():
            raise InputError(
                f"{self.path}: expected a folder that keras-attention wrote. Received: one without "
                f"{RECORD_FILE}; move it elsewhere."
            )
        with write_atomically(self.path, folder=True) as temporary:
            temporary.mkdir()
            numbers: dict[str, int] = {}
            yield temporary, numbers
            files = {path.name: _sum_of(path) for path in sorted(temporary.iterdir())}
            values = {"format": _FORMAT, "origin": origin, "numbers": numbers, "files": files}
            record = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
            (temporary / RECORD_FILE).write_text(record, encoding="utf-8")

    def problem(self, origin: Mapping[str, str]) -> str:
        """Return why the files cannot be used, or "" if they can.

        All files are read. If there is no folder, the problem is "missing".

        Args:
            origin: what the files must have been made from.
        """
        if not self.path.exists():
            return "missing"
        try:
            record = self._record()
            if changed := _first_difference(record["origin"], origin):
                return f"{changed}: changed"
            damaged = [
                name
                for name, found in record["files"].items()
                if found != _sum_of(self.path / name, size=found[0])
            ]
        except InputError:
            return f"{RECORD_FILE}: damaged"
        return f"{damaged[0]}: damaged" if damaged else ""

    def numbers(self) -> dict[str, int]:
        """Return the numbers that were given when the folder was written.

        Raises:
            InputError: if the record is missing or damaged.
        """
        numbers: dict[str, int] = self._record()["numbers"]
        return numbers

    def _record(self) -> dict[str, Any]:
        path = self.path / RECORD_FILE
        return _RECORD.parse(read_artefact(path), os.fspath(path))


def _first_difference(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """Return the first key whose values differ, or "" if there is none."""
    keys = dict.fromkeys([*second, *first])
    return next((key for key in keys if first.get(key) != second.get(key)), "")


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
