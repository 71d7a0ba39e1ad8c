"""A lock that lets only one process at a time use a folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.path_errors import not_writable

LOCK_FILE = "compare.lock"


@contextmanager
def hold_folder(folder: Path, name: str = LOCK_FILE) -> Iterator[None]:
    """Lock a folder against other processes, and create it if it is missing.

    The operating system releases the lock when the process dies. Folders created here are removed
    if they are empty at the end, or if the lock cannot be taken.

    Args:
        folder: The folder.
        name: The name of the lock file, which contains the process's id and its machine's name.

    Raises:
        InputError: If another process holds the lock, or the folder cannot be written.
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
            _release(lock, path)
    finally:
        for new in made:
            with suppress(OSError):  # the folder is not empty, or was never created
                new.rmdir()


def check_unlocked(folder: Path, name: str) -> None:
    """Check that no other process holds the lock of a folder."""
    if (folder / name).exists():
        with hold_folder(folder, name):
            pass


def _take(lock: FileLock, path: Path) -> None:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise Timeout(os.fspath(path))
        lock.acquire()
    except Timeout:
        holder = _read(path)
        who = f"process {' on '.join(holder)}" if holder else "another process"
        raise InputError(
            f"{path.parent}: {who} is using this folder; wait until it ends, or delete {path.name} "
            "if no such process is running."
        ) from None
    try:
        # On a file system without locks, filelock has already written the same two lines.
        if _read(path)[:1] != [str(os.getpid())]:
            path.write_text(f"{os.getpid()}\n{platform.node()}\n", encoding="utf-8")
    except BaseException:  # for example, because the disk is full
        _release(lock, path)
        raise


def _release(lock: FileLock, path: Path) -> None:
    with suppress(OSError):  # Windows cannot remove an open file
        path.unlink()
    lock.release()


def _read(path: Path) -> list[str]:
    """Return the id and the machine of the process that holds a folder, if they are known."""
    try:
        return read_artefact(path).decode(errors="replace").split()[:2]
    except InputError:  # the lock has just been removed, or is not a file
        return []
