"""A folder that one process alone may work in."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.text_files import not_writable

LOCK_FILE = "compare.lock"


@contextmanager
def hold_folder(folder: Path, name: str = LOCK_FILE) -> Iterator[None]:
    """Keeps other processes out of a folder, which is made where it is missing.

    A file in it names the process and its machine. The file of a killed process is taken over on
    the same machine, but not on Windows, where we cannot tell whether a process still runs. Folders
    that were made here are removed again if they are empty at the end, or if the lock cannot be
    taken.

    Args:
        folder: the folder.
        name: the file's name.

    Raises:
        InputError: if another process holds it, or it cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / name
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _take(path)
        except OSError as error:
            raise not_writable(folder, error) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        for new in made:
            with suppress(OSError):  # the folder is in use now, or was not made
                new.rmdir()


def _take(path: Path) -> None:
    if _create(path):
        return
    holder = _read(path)
    if _is_gone(holder):
        _remove(path, holder)
        if _create(path):
            return
        holder = _read(path)
    who = f"process {holder}" if holder else "another process"
    raise InputError(
        f"{path.parent}: {who} is at work here; wait for its end, or remove {path.name} if there "
        "is no such process."
    )


def _create(path: Path) -> bool:
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    try:
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(f"{os.getpid()} on {platform.node()}")
    except BaseException:  # a full disk, perhaps
        path.unlink()
        raise
    return True


def _read(path: Path) -> str:
    try:
        return read_artefact(path).decode(errors="replace")
    except InputError:  # it was removed meanwhile, or is not a file
        return ""


def _remove(path: Path, holder: str) -> None:
    """Removes what a dead process left, but not what another has put there since it was read."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):  # another process was first
        path.replace(aside)
        if _read(aside) == holder:
            aside.unlink()
        else:
            aside.replace(path)


def _is_gone(holder: str) -> bool:
    """Whether the process was on this machine, and is no more."""
    number, _, machine = holder.partition(" on ")
    if os.name == "nt" or machine != platform.node() or not number.isdecimal():
        return False
    if int(number) == os.getpid():  # numbers come again, in containers the same ones
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
