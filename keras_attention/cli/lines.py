"""Reads lines from a file or from standard input, in batches of the lines that are ready."""

import os
import queue
import sys
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from keras_attention.errors import InputError
from keras_attention.files.path_errors import not_readable
from keras_attention.files.patterns import has_wildcard, matching_files
from keras_attention.files.text_files import (
    count_lines,
    decode_lines_or_errors,
    read_lines,
    read_lines_or_errors,
)

Line = str | InputError
"""A line, or the error that explains why it cannot be used."""

STANDARD_INPUT = "standard input"

_MARKS = {"tsv": "\t", "csv": ",;\t", "jsonl": "{"}
"""Characters in the first line of a table or of records, by format, which is also the suffix."""


class OnError(str, Enum):
    """The ways in which `translate` handles a line that cannot be used."""

    STOP = "stop"
    SKIP = "skip"
    EMPTY = "empty"


class UnusableLine(InputError):
    """The error of a line that ends the command, as `OnError.STOP` requests."""


class Batch(NamedTuple):
    """Lines that were ready at the same time, and their numbers, counted from 0."""

    numbers: list[int]
    lines: list[Line]


class Reader(NamedTuple):
    """A way to read the texts of a file.

    Attributes:
        read: yields the texts of a file, or of standard input if it is `-`. Before each text is the
            number of the line or row on which it starts, counted from 1.
        count: returns the number of texts in a file.
        unit: what the numbers count, as error messages call it.
    """

    read: Callable[[str], Iterator[tuple[int, Line]]]
    count: Callable[[str], int]
    unit: str = "line"


class _End(NamedTuple):
    """Marks the end of the lines, with the error that ended them early, if any."""

    error: Exception | None


def open_lines(file: str) -> Iterator[str]:
    """Yield the lines of the files that match a pattern, or of standard input if `file` is `-`.

    Raises:
        InputError: if a file cannot be read, no file matches, or a line is not UTF-8.
    """
    return map(usable, InputLines(file))


class InputLines:
    r"""The lines of a file, of all files that match a pattern, or of standard input.

    With another reader, they are the texts that it finds in these files.

    Args:
        file: the file or the pattern, such as `parts/*.txt`; `-` for standard input.
        besides: real paths of files that are skipped even if the pattern matches them.
        reader: reads a file. Default: each line is a text.

    Attributes:
        files: the files; none for standard input.

    Raises:
        InputError: if no file matches, or standard input is closed.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("one\ntwo\n"), (folder / "b.txt").write_text("three")
        >>> lines = InputLines(f"{folder}/*.txt")
        >>> list(lines), lines.place(2) == f"{folder / 'b.txt'}, line 1"
        (['one', 'two', 'three'], True)
    """

    def __init__(
        self, file: str, *, besides: Collection[Path] = (), reader: Reader | None = None
    ) -> None:
        if file == "-" and sys.stdin is None:
            raise InputError("standard input is closed; give a FILE.")
        self.files = [] if file == "-" else _input_files(file, besides)
        self.name = input_name(file)
        self._reader = reader or LINES
        self._starts: list[tuple[int, str, int]] = []
        """For each run of texts on consecutive lines: the number of the first text, its file, and
        the number of its line in this file."""

    @property
    def are_in_files(self) -> bool:
        """Whether all lines come from regular files; a pipe can be read only once."""
        return bool(self.files) and all(map(os.path.isfile, self.files))

    @property
    def are_typed(self) -> bool:
        """Whether the lines come from a terminal, so that a person waits for the output of each."""
        return not self.files and sys.stdin.isatty()

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines, or the errors about lines that cannot be read."""
        self._starts, number = [], 0
        for path in self.files or ["-"]:
            following = 0
            for place, line in self._reader.read(path):
                if place != following:
                    self._starts.append((number, input_name(path), place))
                following = place + 1
                number += 1
                yield line

    def count(self) -> int:
        """Return the number of lines in the files, which must be regular."""
        return sum(map(self._reader.count, self.files))

    def place(self, number: int) -> str:
        """Return the file of a line that was read before, and the line's number in this file."""
        start = bisect_right(self._starts, number, key=itemgetter(0)) - 1
        first, name, place = self._starts[start]
        return f"{name}, {self._reader.unit} {number - first + place}"


def _input_files(file: str, besides: Collection[Path]) -> list[str]:
    """Return the file at a path, or the files that match a pattern and are not in `besides`."""
    found = matching_files(file)
    if found == [file]:
        return found
    kept = [each for each in found if Path(os.path.realpath(each)) not in besides]
    if not kept:
        raise InputError(
            f"{file}: expected a pattern that matches an input. Received: no file besides the "
            "unfinished output."
        )
    return kept


def check_exists(file: str) -> None:
    """Check that the input of `translate` exists, before a model is loaded."""
    if file != "-" and not (has_wildcard(file) or os.path.lexists(file)):
        problem = not_readable(file, "No such file or directory")
        raise InputError(f"{problem} To translate a text, pass it on standard input.")


def note_table(file: str | None, advice: str = "") -> None:
    """Print a note if a file that is read as lines seems to be a table or to contain records.

    Args:
        file: the file or the pattern; None or `-` for other input.
        advice: how to translate a column of the table, with `{}` for its format.
    """
    path = "" if file in (None, "-") else matching_files(str(file))[0]
    suffix = Path(path.removesuffix(".gz")).suffix[1:].lower()
    if suffix not in _MARKS or not os.path.isfile(path):
        return
    with suppress(InputError):  # the error is raised when the file is read
        if set(_MARKS[suffix]) & set(next(read_lines(path), "")):
            note = f"note: {path} seems to be {suffix}, but each line is read as one text."
            print(" ".join([note, advice.format(suffix)]).strip(), file=sys.stderr)


def input_name(file: str) -> str:
    """Return the name of an input in error messages."""
    return STANDARD_INPUT if file == "-" else file


def read_file(file: str) -> Iterator[Line]:
    """Return the lines of a file, or of standard input if it is `-`.

    Lines that are not UTF-8 are errors.
    """
    if file != "-":
        return read_lines_or_errors(file)
    # A separate buffer: Python aborts at exit if a thread still waits for the buffer of
    # `sys.stdin`.
    stream = open(sys.stdin.fileno(), "rb", closefd=False)
    return decode_lines_or_errors(stream, STANDARD_INPUT)


LINES = Reader(lambda file: enumerate(read_file(file), start=1), count_lines)
"""Reads each line of a file as a text."""


def check_output(
    output: Path | None, *inputs: str | os.PathLike[str] | None, option: str = "--output"
) -> None:
    """Check that the output does not overwrite an input.

    Args:
        output: the file to write; None to write none.
        *inputs: the files that are read, or patterns that match them.
        option: the option that names the output, for the error.
    """
    if output is None or not output.exists():
        return
    named = [os.fspath(path) for path in inputs if path not in (None, "-")]
    for path in chain.from_iterable(map(matching_files, named)):
        if os.path.exists(path) and output.samefile(path):
            raise InputError(f"{option} must not be a file that is read. Received: {output}.")


def checked_text(text: str, name: str = "TEXT") -> str:
    """Return an argument of the command line, if it is valid UTF-8.

    Python decodes bytes that are not UTF-8 to lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name}: expected UTF-8. Received: {text!r}.") from None
    return text


def full_batches(lines: Iterable[Line], size: int, *, first: int = 0) -> Iterator[Batch]:
    """Yield batches of `size` lines; the last one may be smaller.

    Example:
        >>> list(full_batches(["a", "b", "c"], 2, first=5))
        [Batch(numbers=[5, 6], lines=['a', 'b']), Batch(numbers=[7], lines=['c'])]
    """
    remaining = iter(lines)
    while found := list(islice(remaining, size)):
        yield Batch(list(range(first, first + len(found))), found)
        first += len(found)


def available_batches(lines: Iterable[Line], size: int, *, first: int = 0) -> Iterator[Batch]:
    """Yield batches of the lines that are ready, so that no line waits for the next one.

    A separate thread reads the lines.
    """
    ready: queue.Queue[Line | _End] = queue.Queue(maxsize=4 * size)
    threading.Thread(target=_read, args=(lines, ready), daemon=True).start()
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


def usable(line: Line) -> str:
    """Return a line, or raise the error about it."""
    if isinstance(line, InputError):
        raise line
    return line


def _read(lines: Iterable[Line], ready: "queue.Queue[Line | _End]") -> None:
    try:
        for line in lines:
            ready.put(line)
        ready.put(_End(None))
    except Exception as error:  # raised again in the thread that translates
        ready.put(_End(error))
