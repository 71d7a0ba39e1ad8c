"""Lines from a file or from standard input, translated as they come."""

import os
import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from keras_attention.errors import InputError
from keras_attention.files.text_files import decode_lines_or_errors, read_lines_or_errors

Line = str | InputError
"""A line, or the error that says why it cannot be used."""

STANDARD_INPUT = "standard input"


class OnError(str, Enum):
    """What `translate` does with a line that cannot be used."""

    STOP = "stop"
    SKIP = "skip"
    EMPTY = "empty"


class Batch(NamedTuple):
    """Lines that were ready together, and their numbers, counted from 0."""

    numbers: list[int]
    lines: list[Line]


class _End(NamedTuple):
    """The end of all lines, and the error that ended them early, if any."""

    error: Exception | None


def open_lines(file: str) -> Iterator[str]:
    """Yield the lines of a file, or of standard input if `file` is `-`.

    Raises:
        InputError: if it cannot be read, or a line is not UTF-8.
    """
    return map(_usable, open_lines_or_errors(file))


def open_lines_or_errors(file: str) -> Iterator[Line]:
    """Yield the lines of a file, or of standard input if `file` is `-`.

    A line that is not UTF-8 is replaced by an error that says where it is.

    Raises:
        InputError: if the file cannot be read.
    """
    if file != "-":
        return read_lines_or_errors(file)
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file.")
    # A buffer of its own: Python aborts at exit if a thread still waits in that of `sys.stdin`.
    stream = open(sys.stdin.fileno(), "rb", closefd=False)
    return decode_lines_or_errors(stream, STANDARD_INPUT)


def check_output(output: Path | None, *inputs: str | os.PathLike[str] | None) -> None:
    """Refuse to write over a file that is read.

    Raises:
        InputError: if the output is one of the inputs.
    """
    if output is None or not output.exists():
        return
    for path in inputs:
        if path not in (None, "-") and os.path.exists(path) and output.samefile(path):
            raise InputError(
                f"--output must be another file than the one to read. Received: {output}."
            )


def checked_text(text: str, name: str = "TEXT") -> str:
    """Return a text that was given as an argument of that name.

    Raises:
        InputError: if it is not UTF-8; its other bytes have become lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name}: expected UTF-8. Received: {text!r}.") from None
    return text


def available_batches(lines: Iterable[Line], size: int) -> Iterator[Batch]:
    """Yield batches of the lines that are ready: a lone line does not wait for others.

    Args:
        lines: read on a thread of their own.
        size: lines in a batch at most.
    """
    ready: queue.Queue[Line | _End] = queue.Queue(maxsize=4 * size)
    threading.Thread(target=_read, args=(lines, ready), daemon=True).start()
    first = 0
    while True:
        items = [ready.get()]
        while not isinstance(items[-1], _End) and len(items) < size and not ready.empty():
            items.append(ready.get())
        batch = [item for item in items if not isinstance(item, _End)]
        if batch:
            yield Batch(list(range(first, first + len(batch))), batch)
            first += len(batch)
        if isinstance(items[-1], _End):
            if items[-1].error:
                raise items[-1].error
            return


def _usable(line: Line) -> str:
    if isinstance(line, InputError):
        raise line
    return line


def _read(lines: Iterable[Line], ready: "queue.Queue[Line | _End]") -> None:
    try:
        for line in lines:
            ready.put(line)
        ready.put(_End(None))
    except Exception as error:  # handed over to the thread that translates
        ready.put(_End(error))
