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
"""A line, or the error that explains why it is not text."""


@dataclass(frozen=True)
class InputFile:
    """A file to translate.

    Attributes:
        number: its number among all files, counted from 0.
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
        first: the number of its first line, counted from 1.
        output: the number of the shard for its translations.
        lines: the lines. A chunk without lines only ensures that its shard is written.
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
            "--input: expected file names in UTF-8 without tabs or line ends, because the output "
            f"has a column of file names. Received: {odd[0]!r}."
        )
    for number, (path, size) in enumerate(sizes.items()):
        if number == 0 or is_local(path):  # opening many files in a store would take minutes
            _check_start(path)
        files.append(InputFile(number, path, begin, total))
        begin += size
    return files


def _fits_column(path: str) -> bool:
    """Return whether a path fits into a column. Python decodes invalid UTF-8 to surrogates."""
    return not {"\t", "\n", "\r"} & {*path} and not any("\ud800" <= c <= "\udfff" for c in path)


def _check_start(path: str) -> None:
    """Check that a file can be read and begins with text."""
    with open_file(path) as file:
        next(decode_lines_or_errors(file, path), None)


class ReadChunks(beam.DoFn):
    """Reads files, and yields their lines in chunks.

    The position of a chunk in the input determines its shard: the first shard has the lines of the
    first bytes, and so on. So the joined shards have the order of the input. In a compressed file,
    positions count compressed bytes.

    Args:
        size: number of lines in a chunk; the last chunk of a file may have fewer.
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
                output = min(output, self.shards - 1)  # the file may have grown since then
                yield Chunk(element.number, element.path, first, output, found)
                first, position = first + len(found), file.tell()
