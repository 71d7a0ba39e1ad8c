"""The store of large training data: its pairs and what is computed from them, next to a run."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import mmap
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention._version import __version__
from keras_attention.errors import InputError
from keras_attention.files.checked_folder import CheckedFolder, Opened
from keras_attention.files.file_states import load_checksums, save_checksums
from keras_attention.files.path_errors import not_writable
from keras_attention.files.waiting_lock import WaitingLock

from ..recipe.data_config import DataConfig
from .store_files import (
    CHARACTERS,
    PAIRS,
    check_unchanged,
    origin_of,
    read_result,
    training_files,
    write_files,
    write_result,
)
from .stored_pairs import (
    ENDS_FILE,
    MEGABYTE,
    TEXTS_FILE,
    Pair,
    StoredPairs,
    collect_pairs,
    map_pairs,
)

SUFFIX = ".store"
"""The store of the run folder NAME is the folder NAME.store next to it."""

LOCK_FILE = "store.lock"

CHECKSUMS_FILE = "files.json"
"""The file with the digests of the training files, and the states in which they were computed."""

SIDES = ("sources", "targets")
IDS_FILES = tuple(f"{side}.{part}" for side in SIDES for part in ("ids", "ends"))
"""The files of token ids, for each side: all ids; and a 0 followed by each sequence's end."""

_logger = logging.getLogger(__name__)


class DataStore:
    """The pairs of large training data in files, with their ids and other results.

    A run whose data is held in memory writes no store. The folder can be deleted at any time; the
    next start then makes it again. It contains:

    - `pairs/`, the texts of all pairs of the training files, in their order;
    - `ids/`, the token ids of the training pairs, which `training.batches.stored_ids` writes;
    - `results/`, such as learned vocabularies;
    - `files.json`, the digests of the training files, so that only changed files are read again.

    Each part has a record of what it was made from, such as the digest of a file. A part that was
    made from something else, or is damaged, is made again. It is written completely or not at all.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pairs_folder = CheckedFolder(path / "pairs", (TEXTS_FILE, ENDS_FILE))
        self.ids_folder = CheckedFolder(path / "ids", IDS_FILES)
        self._lock = WaitingLock(path, LOCK_FILE)

    @classmethod
    def beside(cls, folder: str | os.PathLike[str]) -> DataStore:
        """Return the store of a run folder, or of the folder of several runs.

        Example:
            >>> DataStore.beside("saved_models/pairs/").path.name
            'pairs.store'
        """
        path = os.path.normpath(folder)
        has_name = os.path.basename(path) not in ("", ".", "..")
        return cls(Path((path if has_name else os.path.abspath(path)) + SUFFIX))

    def read_pairs(self, config: DataConfig, pairs: Iterable[Pair]) -> Sequence[Pair]:
        """Return the pairs of the training files: from memory if they are small, or from the store.

        With `data.replay`, the pairs are joined with others in a temporary file. The store would
        only be another copy of the texts, so it is not written.

        Args:
            config: the recipe's `[data]` section.
            pairs: the pairs of the files, which are read only if the store does not have them.

        Raises:
            InputError: if a file cannot be used, or the store cannot be written.
        """
        if config.replay:
            return collect_pairs(pairs, config.in_memory)
        load_checksums(self.path / CHECKSUMS_FILE)
        origin = origin_of(config)
        if origin is None:
            return collect_pairs(pairs, config.in_memory)
        opened = self._open_pairs(origin)
        if opened.value is not None:
            self._keep_checksums(config)
            is_large = opened.numbers[CHARACTERS] > config.in_memory * MEGABYTE
            return opened.value if is_large else list(opened.value)
        return collect_pairs(pairs, config.in_memory, partial(self._write_pairs, config, origin))

    def locked(self) -> AbstractContextManager[None]:
        """Let only one process at a time write the store; see `WaitingLock.hold`."""
        return self._lock.hold()

    def remember(self, name: str, origin: Mapping[str, str], compute: Callable[[], str]) -> str:
        """Return the result of a computation; compute it only if the store does not have it.

        The result is not kept if this process has no permission to write the store.

        Args:
            name: name of the result; the store has one result of each name.
            origin: everything that the result depends on, except for the library's version.
            compute: returns the result.
        """
        origin, path = {**origin, "version": __version__}, self.path / "results" / f"{name}.json"
        found = read_result(path, origin)
        if found is not None:
            return found
        if not self.is_writable:
            return compute()
        with self.locked():
            found = read_result(path, origin)  # another process may have computed it
            if found is None:
                found = compute()
                write_result(path, origin, found)
        return found

    @property
    def is_writable(self) -> bool:
        """Whether the folder exists and this process has permission to write into it."""
        return os.access(self.path, os.W_OK | os.X_OK)

    def has(self, pairs: PairsInStore) -> bool:
        """Return whether the folder `pairs` still has these pairs; only certain while `locked`."""
        try:
            return digest(self.pairs_folder.origin()) == pairs.pairs_digest
        except InputError:  # deleted or damaged
            return False

    def _open_pairs(self, origin: Mapping[str, str]) -> Opened[PairsInStore]:
        """Return all pairs, or why the store does not have the pairs of this origin."""

        def read(folder: Path, numbers: Mapping[str, int]) -> PairsInStore:
            texts, ends = map_pairs(folder)
            if len(ends) != 2 * numbers.get(PAIRS, -1) + 1:
                raise InputError(f"{ENDS_FILE}: not complete")
            return PairsInStore(texts, ends, np.arange(len(ends) // 2), self, digest(origin))

        return self.pairs_folder.open(origin, read)

    def _write_pairs(
        self, config: DataConfig, origin: Mapping[str, str], pairs: Iterable[Pair]
    ) -> StoredPairs:
        """Write all pairs to the store, or to a temporary file if there must not be a store."""
        if reason := self._reason_not_written():
            _logger.warning(
                "%s: this folder cannot be written (%s), so the large training data is in "
                "temporary files, and each start reads it again.",
                *(self.path, reason),
            )
            return StoredPairs.of(pairs)
        with self.locked():
            opened = self._open_pairs(origin)
            if opened.value is None:
                with self.pairs_folder.writing(origin) as (folder, numbers):
                    report_writing(self.path, "the texts of large training data", opened.problem)
                    numbers.update(write_files(folder, pairs))
                    check_unchanged(config, origin)
                opened = self._open_pairs(origin)
        if opened.value is None:
            raise changed_meanwhile(self.path)
        self._keep_checksums(config)
        return opened.value

    def _keep_checksums(self, config: DataConfig) -> None:
        """Keep the digests of the training files for the next start."""
        if self.is_writable:
            names = [path for _, path in training_files(config)]
            save_checksums(self.path / CHECKSUMS_FILE, names)

    def _reason_not_written(self) -> str:
        """Create the folder. Return the reason if this process may not write it, or ""."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return os.strerror(error.errno)
            raise not_writable(self.path, error) from error
        return "" if self.is_writable else os.strerror(errno.EACCES)


class PairsInStore(StoredPairs):
    """Pairs in a store, where results that were computed from them are kept.

    Args:
        texts: see `StoredPairs`.
        ends: see `StoredPairs`.
        order: see `StoredPairs`.
        store: the store.
        pairs_digest: digest of the origin of all pairs in the store.

    Attributes:
        store: the argument.
        pairs_digest: the argument.
    """

    def __init__(
        self,
        texts: mmap.mmap,
        ends: npt.NDArray[np.int64],
        order: Any,
        store: DataStore,
        pairs_digest: str,
    ) -> None:
        super().__init__(texts, ends, order)
        self.store, self.pairs_digest = store, pairs_digest

    @cached_property
    def origin(self) -> dict[str, str]:
        """The digests of the pairs and of their order."""
        return {"pairs": self.pairs_digest, "order": hashlib.sha256(self.order.data).hexdigest()}

    @property
    def total(self) -> int:
        """Number of pairs in the store."""
        return len(self._ends) // 2

    def every(self) -> PairsInStore:
        """Return all pairs in the store, in the order of the training files."""
        return self._in_order(np.arange(self.total))

    def _in_order(self, order: npt.NDArray[np.int64]) -> PairsInStore:
        return PairsInStore(self._texts, self._ends, order, self.store, self.pairs_digest)


def remembered(
    pairs: Sequence[Pair], name: str, origin: Mapping[str, str], compute: Callable[[], str]
) -> str:
    """Return the result of a computation on pairs; compute it once if they are in a store.

    Args:
        pairs: the pairs.
        name: name of the result.
        origin: everything else that the result depends on.
        compute: returns the result.
    """
    if isinstance(pairs, PairsInStore):
        return pairs.store.remember(name, {**pairs.origin, **origin}, compute)
    return compute()


def digest(values: Mapping[str, str]) -> str:
    """Return the sha256 digest of a dictionary, in hexadecimal."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def report_writing(path: Path, what: str, problem: str) -> None:
    """Log that a part of a store is written and, if there was one, why it cannot be used."""
    reason = "" if problem == "missing" else f" again ({problem})"
    _logger.info("%s: writes %s%s", path, what, reason)


def changed_meanwhile(path: Path) -> InputError:
    """Return the error for a store whose files changed after they were written."""
    return InputError(f"{path}: changed while it was written; start again.")
