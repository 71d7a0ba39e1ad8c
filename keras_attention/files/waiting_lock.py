"""A lock on a folder that several processes use, for which they wait."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from keras_attention.files.artefacts import identity_of
from keras_attention.files.path_errors import not_writable
from keras_attention.progress import DELAY

_logger = logging.getLogger(__name__)


class WaitingLock:
    """A lock on a folder, which is made for the lock and removed if nothing was written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._file = folder, folder / name
        self._lock = FileLock(self._file)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock during the block; other processes wait.

        Raises:
            InputError: if the folder cannot be written.
        """
        try:
            while not self._take():
                pass
        except OSError as error:
            raise not_writable(self._folder, error) from error
        try:
            yield
        finally:
            self._remove_if_empty()  # later, another process might already have the lock
            self._lock.release()

    def _take(self) -> bool:
        """Take the lock, and return False if its file was removed in the meantime."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = identity_of(self._file)
        try:
            try:
                self._lock.acquire(timeout=DELAY)
            except Timeout:
                _logger.info(
                    "%s: waiting for another process, which is writing this folder", self._folder
                )
                self._lock.acquire()
        except FileNotFoundError:  # another process has removed the empty folder
            return False
        after = identity_of(self._file)
        if after is not None and before in (None, after):
            return True
        self._lock.release()
        return False

    def _remove_if_empty(self) -> None:
        """Remove the folder if nothing was written, for example because the data has an error."""
        if {path.name for path in self._folder.glob("*")} <= {self._file.name}:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
                self._folder.rmdir()
