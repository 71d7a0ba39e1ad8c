"""A folder that one process alone may work in."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.text_files import not_writable

LOCK_FILE = "compare.lock"


@contextmanager
def hold_folder(folder: Path, name: str = LOCK_FILE) -> Iterator[None]:
    """Keep other processes out of a folder, which is made if it is missing.

    The system gives the folder free when the process dies. Folders that were made here are removed
    if they are empty at the end, or if the lock cannot be taken.

    Args:
        folder: The folder.
        name: The name of the file that is locked, and that names the process and its machine.

    Raises:
        InputError: If another process holds the folder, or it cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock, path = FileLock(folder / name, timeout=0), folder / name
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _take(lock, path)
        except OSError as error:
            raise not_writable(folder, error) from error
        try:
            yield
        finally:
            _give_back(lock, path)
    finally:
        for new in made:
            with suppress(OSError):  # the folder is in use now, or was not made
                new.rmdir()


def _take(lock: FileLock, path: Path) -> None:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise Timeout(os.fspath(path))
        lock.acquire()
    except Timeout:
        holder = _read(path)
        who = f"process {' on '.join(holder)}" if holder else "another process"
        raise InputError(
            f"{path.parent}: {who} is at work here; wait for its end, or remove {path.name} if "
            "there is no such process."
        ) from None
    try:
        # Where the file system has no locks, filelock has written this, and uses it as the lock.
        if _read(path)[:1] != [str(os.getpid())]:
            path.write_text(f"{os.getpid()}\n{platform.node()}\n", encoding="utf-8")
    except BaseException:  # a full disk, perhaps
        _give_back(lock, path)
        raise


def _give_back(lock: FileLock, path: Path) -> None:
    with suppress(OSError):  # Windows removes no open file
        path.unlink()
    lock.release()


def _read(path: Path) -> list[str]:
    """Return the number of the process that holds a folder and its machine, if they are known."""
    try:
        return read_artefact(path).decode(errors="replace").split()[:2]
    except InputError:  # it was removed meanwhile, or is not a file
        return []
