"""The lines of the input files, in chunks that are translated together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import apache_beam as beam

from keras_attention.errors import InputError
from keras_attention.files.text_files import decode_lines_or_errors

from .storage import find_files, is_local, open_file

Line = str | InputError
"""A line, or the error that explains why it is no text."""


@dataclass(frozen=True)
class InputFile:
    """A file to translate.

    Attributes:
        number: its place among all files, from 0.
        path: its path or URL.
        begin: the number of bytes in the files before it.
        total: the number of bytes in all files.
    """

    number: int
    path: str
    begin: int
    total: int


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines of a file.

    Attributes:
        file: the file's number.
        path: the file's path.
        first: the number of its first line, from 1.
        output: the number of the output file that gets its translations.
        lines: the lines. A chunk without lines only ensures that the output file is written.
    """

    file: int
    path: str
    first: int
    output: int
    lines: Sequence[Line] = ()

    def __len__(self) -> int:
        """Return the number of lines, which Beam counts."""
        return len(self.lines)


def open_inputs(pattern: str) -> list[InputFile]:
    """Return the files that match a pattern, sorted by path, and check that each begins with text.

    Args:
        pattern: a path, URL or pattern with the wildcards `*`, `**` and `?`.

    Raises:
        InputError: if no file matches, or a file cannot be read or is not text.
    """
    sizes = find_files(pattern)
    total, begin = sum(sizes.values()), 0
    files = []
    if odd := [path for path in sizes if not _fits_column(path)]:
        raise InputError(
            "--input: expected names of files in UTF-8 without tabs and line ends, because they "
            f"are a column of the output. Received: {odd[0]!r}."
        )
    for number, (path, size) in enumerate(sizes.items()):
        if number == 0 or is_local(path):  # in a store, opening a thousand files takes minutes
            _check_start(path)
        files.append(InputFile(number, path, begin, total))
        begin += size
    return files


def _fits_column(path: str) -> bool:
    """Return whether a path can be written into a column; other bytes than UTF-8 are surrogates."""
    return not {"\t", "\n", "\r"} & {*path} and not any("\ud800" <= c <= "\udfff" for c in path)


def _check_start(path: str) -> None:
    """Check that a file can be read and begins with text."""
    with open_file(path) as file:
        next(decode_lines_or_errors(file, path), None)


class ReadChunks(beam.DoFn):
    """Reads files, and yields their lines in chunks.

    The position of a chunk in the input determines its shard: the first shard has the lines of the
    first bytes, and so on. So the shards, one after the other, are in the order of the input. In a
    compressed file, positions count compressed bytes.

    Args:
        size: number of lines in a chunk; the last one of a file may have fewer.
        shards: number of shards.
    """

    def __init__(self, size: int, shards: int) -> None:
        super().__init__()
        self.size, self.shards = size, shards

    def process(self, element: InputFile | Chunk) -> Iterator[Chunk]:
        """Yield the chunks of a file. If the element is a chunk, yield it unchanged."""
        if isinstance(element, Chunk):
            yield element
            return
        with open_file(element.path) as file:
            lines, first = decode_lines_or_errors(file, element.path), 1
            position = 0
            while found := list(islice(lines, self.size)):
                output = (element.begin + position) * self.shards // max(1, element.total)
                output = min(output, self.shards - 1)  # the file may have grown
                yield Chunk(element.number, element.path, first, output, found)
                first, position = first + len(found), file.tell()
