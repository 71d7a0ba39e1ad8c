"""Reads text so that a problem names its file and line, and writes so that nothing is half-done."""

from __future__ import annotations

import ctypes
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError

_BYTE_ORDER_MARK = "\ufeff"
_REPLACED = "replaced"
_MARK = ".unfinished-"
_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_WORKSPACE = re.compile(rf"\..+{re.escape(_MARK)}[a-z0-9_]{{8}}")


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yields the lines of a UTF-8 file, without their ends.

    Lines end at a line feed alone (and may have a carriage return before it): text may hold the
    other characters that `str.splitlines` cuts at. The file is read as the lines are asked for.

    Args:
        path: The file. A byte order mark at its start is dropped.

    Raises:
        InputError: If the file is missing, a folder, unreadable or no valid UTF-8.
    """
    for line in _decoded_lines(path):
        yield line.removesuffix("\n").removesuffix("\r")


def decode_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Yields the lines of an open binary stream, such as standard input, as `read_lines` does.

    Args:
        stream: The stream.
        name: What to call it in errors.

    Raises:
        InputError: If a line is no valid UTF-8.
    """
    for line in _decode_all(stream, name):
        yield line.removesuffix("\n").removesuffix("\r")


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns a whole UTF-8 file as it stands, carriage returns kept.

    Args:
        path: The file. A byte order mark at its start is dropped.

    Raises:
        InputError: If the file is missing, a folder, unreadable or no valid UTF-8.
    """
    return "".join(_decoded_lines(path))


def decode_text(content: bytes, name: str) -> str:
    """Returns the text of a file's content, as `read_text` does.

    Args:
        content: The bytes.
        name: What to call them in errors.

    Raises:
        InputError: If they are no valid UTF-8.
    """
    return "".join(_decode_all(io.BytesIO(content), name))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Returns the bytes of a file.

    Raises:
        InputError: If the file is missing, a folder or unreadable.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _not_readable(path, error) from error


def parse_json(text: str | bytes) -> Any:
    """Returns the value of a JSON text.

    Raises:
        ValueError: If it is no JSON, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@contextmanager
def write_atomically(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Gives a temporary path, and puts what was written there in place once the block succeeds.

    The block writes a file or a folder; where it raises, what it wrote is removed and what stood at
    `path` before stays. A file replaces a file, a folder replaces the whole of a folder, and never
    one the other, which is refused before the block begins. Missing parent folders are made, and
    removed again on failure. The temporary path has the name of `path`, for writers that look at
    the suffix, and lies in a hidden folder beside it: the move is a rename.

    Args:
        path: Where the file or folder is to be; a symbolic link is followed.
        folder: Whether the block writes a folder.

    Yields:
        The path to write to; nothing exists there yet.

    Raises:
        InputError: If `path` cannot be written, or holds something else than what is to replace it.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with write_atomically(folder / "notes.txt") as temporary:
        ...     _ = temporary.write_text("whole or not at all")
        >>> (folder / "notes.txt").read_text()
        'whole or not at all'
    """
    target = Path(os.path.realpath(path))
    _check_kind(path, target, folder)
    made = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{target.name[:100]}{_MARK}"
        workspace = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    except OSError as error:
        raise _not_writable(path, error) from error
    try:
        yield workspace / target.name
        try:
            _replace(target, workspace / target.name, workspace / _REPLACED)
        except OSError as error:
            raise _not_writable(path, error) from error
    except BaseException:
        shutil.rmtree(workspace, ignore_errors=True)
        with suppress(OSError):  # somebody else has put something there
            for parent in made:
                parent.rmdir()
        raise
    shutil.rmtree(workspace, ignore_errors=True)


def _check_kind(path: str | os.PathLike[str], target: Path, folder: bool) -> None:
    """Refuse to replace a file by a folder, a folder by a file, or a device by either."""
    if not target.exists() or (target.is_dir() if folder else target.is_file()):
        return
    wanted = "a folder" if folder else "a file"
    found = "a folder" if target.is_dir() else "a file" if target.is_file() else "a device"
    raise InputError(f"{os.fspath(path)}: expected {wanted} to write. Received: {found}.")


def find_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Returns what killed writers have left in a folder, if nothing else writes there now.

    A workspace that holds what was to be replaced is left out: it may be the only copy.

    Args:
        folder: Where `write_atomically` put files; it need not exist.
    """
    hidden = [path for path in Path(folder).glob(".*") if _WORKSPACE.fullmatch(path.name)]
    return sorted(path for path in hidden if path.is_dir() and not (path / _REPLACED).exists())


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Removes what killed writers of this one file or folder have left beside it.

    Args:
        path: Where `write_atomically` is to put it, and nothing else writes it now.
    """
    begins = f".{Path(path).name[:100]}{_MARK}"
    for leftover in find_leftovers(Path(path).parent):
        if leftover.name.startswith(begins):
            shutil.rmtree(leftover, ignore_errors=True)


def _decoded_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    try:
        with open(path, "rb") as file:
            yield from _decode_all(file, os.fspath(path))
    except OSError as error:
        raise _not_readable(path, error) from error


def _not_readable(path: str | os.PathLike[str], error: OSError) -> InputError:
    return InputError(
        f"{os.fspath(path)}: expected a file that can be read. Received: {error.strerror}."
    )


def _decode_all(stream: Iterable[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(stream, start=1):
        text = _decode(line, name, number)
        yield text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: expected UTF-8 text. "
            f"Received: byte 0x{line[error.start]:02x} at column {error.start + 1} of the line."
        ) from None


def _replace(target: Path, written: Path, aside: Path) -> None:
    """Moves `written` to `target`; a folder that stands there changes places or goes `aside`."""
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


def _swap(one: Path, other: Path) -> bool:
    """Whether the two have changed places in one step, which not every system can do."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here = ctypes.c_int(_WORKING_FOLDER)
    paths = [ctypes.c_char_p(os.fsencode(path)) for path in (one, other)]
    return rename(here, paths[0], here, paths[1], ctypes.c_uint(_EXCHANGE)) == 0  # type: ignore[no-any-return]


def _not_writable(path: str | os.PathLike[str], error: OSError) -> InputError:
    return InputError(
        f"{os.fspath(path)}: expected a place that can be written. Received: {error.strerror}."
    )
