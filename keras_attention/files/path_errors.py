"""Errors about files and folders that cannot be read or written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from keras_attention.errors import InputError

WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""The error numbers of a full or read-only disk."""


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
    if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
        return os.strerror(error.errno)
    may_quote = type(error).__module__.startswith("tensorflow") or isinstance(error, OSError)
    messages = [os.strerror(number) for number in WRITE_ERRORS]
    return next((each for each in messages if may_quote and each in str(error)), "")


def _describe(reason: OSError | str) -> str:
    return reason if isinstance(reason, str) else reason.strerror or str(reason)
