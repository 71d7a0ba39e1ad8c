"""Readers of text files and atomic writes. A reader's errors name the file and the line."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.encodings import Readable, as_utf8
from keras_attention.files.workspaces import REPLACED, make_workspace

_BYTE_ORDER_MARK = "\ufeff"
_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the lines of a text file, without their line ends.

    The text is UTF-8, or has the byte order mark of UTF-16 or UTF-32. It may be in gzip format.
    Byte order marks at the start are dropped.

    A line ends at a line feed; carriage returns before it are dropped. In a file without line
    feeds, as old Mac programs write, a line ends at a carriage return. A carriage return inside a
    line, and the other characters at which `str.splitlines` splits, are part of the text. The file
    is read line by line as needed; a file without a line feed is read as a whole.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not text in one of these
            encodings.
    """
    for line in _decoded_lines(path):
        yield _without_end(line)


def decode_lines(stream: Readable, name: str) -> Iterator[str]:
    """Yield the lines of an open binary stream, such as standard input, as `read_lines` does.

    Raises:
        InputError: If the stream is not text that `read_lines` accepts.
    """
    for line in _decode_all(as_utf8(stream, name), name):
        yield _without_end(line)


def read_lines_or_errors(path: str | os.PathLike[str]) -> Iterator[str | InputError]:
    """Yield lines as `read_lines` does, but yield an error for a line that is not UTF-8.

    Raises:
        InputError: If the file is missing, a folder or unreadable.
    """
    try:
        with open(path, "rb") as file:
            yield from decode_lines_or_errors(file, os.fspath(path))
    except OSError as error:
        raise not_readable(path, error) from error


def decode_lines_or_errors(stream: Readable, name: str) -> Iterator[str | InputError]:
    """Yield lines as `decode_lines` does, but yield an error for a line that is not UTF-8.

    Raises:
        InputError: If the stream as a whole is not text.
    """
    for line in _texts_or_errors(as_utf8(stream, name), name):
        yield line if isinstance(line, InputError) else _without_end(line)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the whole text of a file, carriage returns included.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not text that `read_lines`
            accepts.
    """
    return "".join(_decoded_lines(path))


def decode_text(file_bytes: bytes, name: str) -> str:
    """Return the text of a file's content, which must be UTF-8.

    Raises:
        InputError: If the content is not valid UTF-8.
    """
    return "".join(_decode_all(io.BytesIO(file_bytes), name))


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


@contextmanager
def errors_of_writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Convert the block's errors about a full or read-only disk into an `InputError`.

    Raises:
        InputError: If the disk is full, a quota is used up, a file is too large for the file
            system, or the file system is read-only.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if reason := reason_not_written(error):
            raise not_writable(path, reason) from error
        raise


def reason_not_written(error: BaseException) -> str:
    """Return the system's message if an error is about a full or read-only disk, otherwise "".

    TensorFlow and HDF5 raise their own errors, which contain the system's message.
    """
    if isinstance(error, OSError) and error.errno in _WRITE_ERRORS:
        return os.strerror(error.errno)
    may_quote = type(error).__module__.startswith("tensorflow") or isinstance(error, OSError)
    messages = [os.strerror(number) for number in _WRITE_ERRORS]
    return next((each for each in messages if may_quote and each in str(error)), "")


def check_kind(path: str | os.PathLike[str], target: Path, folder: bool) -> None:
    """Check that a file would replace only a file, and a folder only a folder."""
    if not target.exists() or (target.is_dir() if folder else target.is_file()):
        return
    expected = "a folder" if folder else "a file"
    found = "a folder" if target.is_dir() else "a file" if target.is_file() else "a device"
    raise InputError(f"{os.fspath(path)}: expected {expected} to write. Received: {found}.")


def _decoded_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    try:
        with open(path, "rb") as file:
            name = os.fspath(path)
            yield from _decode_all(as_utf8(file, name), name)
    except OSError as error:
        raise not_readable(path, error) from error


def not_readable(path: str | os.PathLike[str], reason: OSError | str) -> InputError:
    """Return the error for a file that cannot be read."""
    return InputError(
        f"{os.fspath(path)}: expected a file that can be read. Received: {_describe(reason)}."
    )


def not_writable(path: str | os.PathLike[str], reason: OSError | str) -> InputError:
    """Return the error for a file or folder that cannot be written."""
    return InputError(
        f"{os.fspath(path)}: expected a path that can be written. Received: {_describe(reason)}."
    )


def _describe(reason: OSError | str) -> str:
    return reason if isinstance(reason, str) else reason.strerror or str(reason)


def _decode_all(stream: Iterable[bytes], name: str) -> Iterator[str]:
    for text in _texts_or_errors(stream, name):
        if isinstance(text, InputError):
            raise text
        yield text


def _texts_or_errors(stream: Iterable[bytes], name: str) -> Iterator[str | InputError]:
    for number, line in enumerate(_split_lines(stream), start=1):
        try:
            text = _decode(line, name, number)
        except InputError as error:
            yield error
            continue
        if number == 1:
            text = text.lstrip(_BYTE_ORDER_MARK)
        if text:
            yield text


def _split_lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; split a stream without line feeds at carriage returns."""
    for number, line in enumerate(stream):
        if number == 0 and not line.endswith(b"\n"):
            yield from filter(None, re.split(rb"(?<=\r)", line))
        else:
            yield line


def _without_end(line: str) -> str:
    return line.removesuffix("\n").rstrip("\r")


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: expected UTF-8 text. "
            f"Received: byte 0x{line[error.start]:02x} at column {error.start + 1} of the line."
        ) from None


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
        if error.errno in _WRITE_ERRORS:
            raise
