"""Writes of files and folders that replace their targets completely or not at all."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.path_errors import WRITE_ERRORS, errors_of_writing, not_writable
from keras_attention.files.workspaces import REPLACED, make_workspace

_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def write_atomically(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path, and move what is written there to `path` if the block succeeds.

    The block writes a file or a folder. If it raises, its output is removed and `path` stays as it
    was. A file can replace only a file. A folder can replace only a folder, and replaces it
    completely. In other cases an error is raised before the block begins. Missing parent folders
    are created, and removed again on failure. The temporary path has the same name as `path`, for
    writers that depend on the suffix, and is in a hidden folder next to it. The output is flushed
    to the disk, then renamed. Leftovers of killed processes that wrote to the same path are
    removed.

    Args:
        path: The file or folder to write; symbolic links are followed.
        folder: Whether the block writes a folder.

    Yields:
        The path to write to; nothing exists there yet.

    Raises:
        InputError: If `path` cannot be written, or is a folder instead of a file or vice versa.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with write_atomically(folder / "notes.txt") as temporary:
        ...     _ = temporary.write_text("whole or not at all")
        >>> (folder / "notes.txt").read_text()
        'whole or not at all'
    """
    target = Path(os.path.realpath(path))
    check_kind(path, target, folder)
    with errors_of_writing(path), remove_parents(target), ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            workspace = stack.enter_context(make_workspace(target))
        except OSError as error:
            raise not_writable(path, error) from error
        yield workspace / target.name
        try:
            _flush(workspace / target.name)
            _replace(target, workspace / target.name, workspace / REPLACED)
            flush_to_disk(target.parent)
        except OSError as error:
            raise not_writable(path, error) from error


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file completely or not at all; see `write_atomically`."""
    with write_atomically(path) as temporary_path:
        temporary_path.write_bytes(content)


@contextmanager
def remove_parents(target: Path) -> Iterator[None]:
    """If the block fails, remove the parent folders that it created."""
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):  # another process has written into it
            for parent in missing:
                parent.rmdir()
        raise


def check_kind(path: str | os.PathLike[str], target: Path, folder: bool) -> None:
    """Check that a file would replace only a file, and a folder only a folder."""
    if not target.exists() or (target.is_dir() if folder else target.is_file()):
        return
    expected = "a folder" if folder else "a file"
    found = "a folder" if target.is_dir() else "a file" if target.is_file() else "a device"
    raise InputError(f"{os.fspath(path)}: expected {expected} to write. Received: {found}.")


def _replace(target: Path, written: Path, aside: Path) -> None:
    """Move `written` to `target`; move a folder that is already there to `written` or `aside`."""
    if not (target.is_dir() and written.is_dir()):
        os.replace(written, target)
        return
    if _swap(target, written):
        return
    os.replace(target, aside)
    try:
        os.replace(written, target)
    except OSError:
        os.replace(aside, target)
        raise


def _swap(first: Path, second: Path) -> bool:
    """Exchange two paths atomically, and return whether the system did so."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    base = ctypes.c_int(_WORKING_FOLDER)
    paths = [ctypes.c_char_p(os.fsencode(path)) for path in (first, second)]
    return rename(base, paths[0], base, paths[1], ctypes.c_uint(_EXCHANGE)) == 0  # type: ignore[no-any-return]


def _flush(written: Path) -> None:
    """Flush a file, or a folder with everything in it, to the disk."""
    for root, _, names in os.walk(written):
        for name in names:
            flush_to_disk(Path(root) / name)
        flush_to_disk(Path(root))
    if not written.is_dir():
        flush_to_disk(written)


def flush_to_disk(path: Path) -> None:
    """Flush one file, or the entries of one folder if the system supports this.

    Raises:
        OSError: If the disk is full or read-only.
    """
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in WRITE_ERRORS:
            raise
