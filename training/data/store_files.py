"""The files of a store of large data: the pairs, what they come from, and stored results."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path

import numpy as np

from keras_attention._version import __version__
from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.files.file_states import cached_checksum
from keras_attention.files.path_errors import errors_of_writing
from keras_attention.files.schema import JsonFile, dictionary_of, integer, text
from keras_attention.progress import Advance, is_interactive, report_progress

from ..recipe.data_config import DataConfig
from .data_paths import find_files
from .languages import each_language
from .stored_pairs import ENDS_FILE, TEXTS_FILE, Pair, write_texts

_BLOCK = 1 << 20
"""Number of texts whose ends are written at a time."""

CHARACTERS, PAIRS = "characters", "pairs"
"""Names of the numbers in the record of the pairs."""

_UNREAD = {
    *("path", "target_path", "folder"),  # only the content of the files matters
    *("validation_path", "validation_target_path", "alignment_path", "held_out", "replay"),
    *("max_source_length", "max_target_length", "in_memory", "size", "shortest", "longest"),
}
"""Settings of `[data]` that do not change which pairs the training files have."""

_RESULT = JsonFile(
    "a result that training stored",
    {"origin": dictionary_of(text()), "value": text(), "crc32": integer(0)},
    1,
)


def origin_of(config: DataConfig) -> dict[str, str] | None:
    """Return everything that the pairs of the training files depend on.

    None if this is not known, because a file is not a regular one, such as a pipe.
    """
    values = {f"data.{key}": repr(value) for key, value in config.values() if key not in _UNREAD}
    for number, (key, path) in enumerate(training_files(config), start=1):
        if not os.path.isfile(path):
            return None
        values[f"data.{key}, file {number}"] = cached_checksum(path)
    return {**values, "version": __version__}


def training_files(config: DataConfig) -> list[tuple[str, str]]:
    """Return the training files, each with the setting that names it."""
    return [
        (key, path)
        for each in each_language(config)
        for key in ("path", "target_path")
        for path in find_files(each, key)
    ]


def check_unchanged(config: DataConfig, origin: Mapping[str, str]) -> None:
    """Check that the pairs of the training files still have this origin.

    Raises:
        InputError: if a file has changed.
    """
    if origin_of(config) != origin:
        raise InputError("a file of `data.path` has changed while it was read; start again.")


def write_files(folder: Path, pairs: Iterable[Pair]) -> dict[str, int]:
    """Write the texts and their ends, and return the numbers of characters and of pairs."""
    numbers = {CHARACTERS: 0, PAIRS: 0}

    def count(advance: Advance) -> Iterator[Pair]:
        for number, pair in enumerate(pairs, start=1):
            numbers[CHARACTERS] += len(pair[0]) + len(pair[1])
            numbers[PAIRS] = number
            if number % 1000 == 0:
                advance(1000)
            yield pair

    with (
        show_pairs(None) as advance,
        open(folder / TEXTS_FILE, "wb", _BLOCK) as texts,
        open(folder / ENDS_FILE, "wb") as ends,
    ):
        written = write_texts(count(advance), texts)
        while block := list(islice(written, _BLOCK)):
            ends.write(np.array(block, "int64").tobytes())  # `tofile` ignores a full disk
    return numbers


def show_pairs(total: int | None) -> AbstractContextManager[Advance]:
    """Show how many pairs are done, on a terminal or in a notebook, if the call takes some time.

    Args:
        total: number of pairs; None if it is not known.
    """
    if is_interactive() or (sys.stderr is not None and sys.stderr.isatty()):
        return report_progress(total, unit="pairs")
    return nullcontext(lambda count: None)


def read_result(path: Path, origin: Mapping[str, str]) -> str | None:
    """Return a stored result, or None if there is none of this origin."""
    if not path.exists():
        return None
    try:
        values = _RESULT.parse(read_artefact(path), os.fspath(path))
    except InputError:  # damaged
        return None
    value: str = values["value"]
    same = values["origin"] == origin and values["crc32"] == zlib.crc32(value.encode())
    return value if same else None


def write_result(path: Path, origin: Mapping[str, str], value: str) -> None:
    """Write a result with its origin, completely or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    values = {"format": 1, "origin": origin, "value": value, "crc32": zlib.crc32(value.encode())}
    with errors_of_writing(path), write_atomically(path) as temporary:
        temporary.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
