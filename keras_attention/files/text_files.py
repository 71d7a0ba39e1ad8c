"""Reads text so that a problem names its file and line, and writes so that nothing is half-done."""

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
_NO_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yields the lines of a text file, without their ends.

    The text is UTF-8, or has the byte order mark of UTF-16 or UTF-32; it may be packed by gzip.

    A line ends at a line feed, with any carriage returns before it. In a file without line feeds,
    as old Mac programs write it, a line ends at a carriage return. Everything else is text: other
    characters at which `str.splitlines` cuts, and a carriage return inside a line. The file is
    read as the lines are asked for; one without a line feed is read whole.

    Args:
        path: The file. Byte order marks at its start are dropped.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not such text.
    """
    for line in _decoded_lines(path):
        yield _without_end(line)


def decode_lines(stream: Readable, name: str) -> Iterator[str]:
    """Yields the lines of an open binary stream, such as standard input, as `read_lines` does.

    Args:
        stream: The stream.
        name: What to call it in errors.

    Raises:
        InputError: If it is not such text.
    """
    for line in _decode_all(as_utf8(stream, name), name):
        yield _without_end(line)


def read_lines_or_errors(path: str | os.PathLike[str]) -> Iterator[str | InputError]:
    """Yields lines as `read_lines` does, but an error in place of a line that is not UTF-8.

    Args:
        path: The file.

    Raises:
        InputError: If the file is missing, a folder or unreadable.
    """
    try:
        with open(path, "rb") as file:
            yield from decode_lines_or_errors(file, os.fspath(path))
    except OSError as error:
        raise not_readable(path, error) from error


def decode_lines_or_errors(stream: Readable, name: str) -> Iterator[str | InputError]:
    """Yields lines as `decode_lines` does, but an error in place of a line that is not UTF-8.

    Args:
        stream: The stream.
        name: What to call it in errors.

    Raises:
        InputError: If the stream as a whole is not text.
    """
    for line in _texts_or_errors(as_utf8(stream, name), name):
        yield line if isinstance(line, InputError) else _without_end(line)


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the whole of a text file as it stands, carriage returns kept.

    Args:
        path: The file, of an encoding that `read_lines` reads. Byte order marks at its start are
            dropped.

    Raises:
        InputError: If the file is missing, a folder, unreadable or not such text.
    """
    return "".join(_decoded_lines(path))


def decode_text(file_bytes: bytes, name: str) -> str:
    """Returns the text of a file's content, which must be UTF-8.

    Args:
        file_bytes: The bytes.
        name: What to call them in errors.

    Raises:
        InputError: If they are no valid UTF-8.
    """
    return "".join(_decode_all(io.BytesIO(file_bytes), name))


@contextmanager
def write_atomically(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Gives a temporary path, and puts what was written there in place once the block succeeds.

    The block writes a file or a folder; where it raises, what it wrote is removed and what stood at
    `path` before stays. A file can replace only a file, and a folder only a whole folder; anything
    else is refused before the block begins. Missing parent folders are made, and removed again on
    failure. The temporary path has the name of `path`, for writers that look at the suffix, and
    lies in a hidden folder beside it. What was written is flushed to the disk and then moved by a
    rename. What killed processes left there for the same target is removed.

    Args:
        path: Where the file or folder is to be; a symbolic link is followed.
        folder: Whether the block writes a folder.

    Yields:
        The path to write to; nothing exists there yet.

    Raises:
        InputError: If `path` cannot be written, or holds something else than what is to replace it.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with write_atomically(folder / "notes.txt") as temporary:
        ...     _ = temporary.write_text("whole or not at all")
        >>> (folder / "notes.txt").read_text()
        'whole or not at all'
    """
    target = Path(os.path.realpath(path))
    _check_kind(path, target, folder)
    with errors_of_writing(path), _remove_parents(target), ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            workspace = stack.enter_context(make_workspace(target))
        except OSError as error:
            raise not_writable(path, error) from error
        yield workspace / target.name
        try:
            _flush(workspace / target.name)
            _replace(target, workspace / target.name, workspace / REPLACED)
            _flush_to_disk(target.parent)
        except OSError as error:
            raise not_writable(path, error) from error


@contextmanager
def _remove_parents(target: Path) -> Iterator[None]:
    """Remove the parent folders that the block makes, if it fails."""
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):  # another process has put something there
            for parent in missing:
                parent.rmdir()
        raise


@contextmanager
def errors_of_writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Convert the block's errors about a full or read-only disk into an `InputError`.

    Args:
        path: The file or folder that the block writes.

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
    """Return why something could not be written, in the system's words; "" for other errors.

    TensorFlow and HDF5 raise errors of their own, with the system's words in the message.
    """
    if isinstance(error, OSError) and error.errno in _NO_WRITING:
        return os.strerror(error.errno)
    foreign = type(error).__module__.startswith("tensorflow") or isinstance(error, OSError)
    words = [os.strerror(number) for number in _NO_WRITING]
    return next((each for each in words if foreign and each in str(error)), "")


def _check_kind(path: str | os.PathLike[str], target: Path, folder: bool) -> None:
    """Refuse to replace a file by a folder, a folder by a file, or a device by either."""
    if not target.exists() or (target.is_dir() if folder else target.is_file()):
        return
    wanted = "a folder" if folder else "a file"
    found = "a folder" if target.is_dir() else "a file" if target.is_file() else "a device"
    raise InputError(f"{os.fspath(path)}: expected {wanted} to write. Received: {found}.")


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
        f"{os.fspath(path)}: expected a file that can be read. Received: {_in_words(reason)}."
    )


def not_writable(path: str | os.PathLike[str], reason: OSError | str) -> InputError:
    """Return the error for a file or folder that cannot be written."""
    return InputError(
        f"{os.fspath(path)}: expected a place that can be written. Received: {_in_words(reason)}."
    )


def _in_words(reason: OSError | str) -> str:
    return reason if isinstance(reason, str) else reason.strerror or str(reason)


def _decode_all(stream: Iterable[bytes], name: str) -> Iterator[str]:
    for text in _texts_or_errors(stream, name):
        if isinstance(text, InputError):
            raise text
        yield text


def _texts_or_errors(stream: Iterable[bytes], name: str) -> Iterator[str | InputError]:
    for number, line in enumerate(_cut_lines(stream), start=1):
        try:
            text = _decode(line, name, number)
        except InputError as error:
            yield error
            continue
        if number == 1:
            text = text.lstrip(_BYTE_ORDER_MARK)
        if text:
            yield text


def _cut_lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yields lines with their ends; a stream without line feeds is cut at carriage returns."""
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


def _flush(written: Path) -> None:
    """Write a file, or a folder with all that is in it, to the disk itself."""
    for root, _, names in os.walk(written):
        for name in names:
            _flush_to_disk(Path(root) / name)
        _flush_to_disk(Path(root))
    if not written.is_dir():
        _flush_to_disk(written)


def _flush_to_disk(path: Path) -> None:
    """Flush one file, or the names in one folder; not every system can flush a folder.

    Raises:
        OSError: If there is no room.
    """
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _NO_WRITING:
            raise
