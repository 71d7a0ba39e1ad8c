"""The files of the output, which appear together at the end of the pipeline."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

from keras_attention.errors import InputError

from .records import Part
from .storage import (
    delete_files,
    delete_folder,
    files_that_begin,
    make_parent,
    move_files,
    write_file,
)


@dataclass(frozen=True)
class OutputFiles:
    """The names of the output files.

    Attributes:
        prefix: the path or URL with which all names begin.
        shards: number of shards. The shards are counted from 0, so the dead-letter file gets this
            number.
        suffix: the end of their names, such as ".tsv".

    Example:
        >>> files = OutputFiles("out", 2, ".tsv")
        >>> [files.final(number) for number in files.numbers]
        ['out-00000-of-00002.tsv', 'out-00001-of-00002.tsv', 'out-dead-letters.tsv']
        >>> files.partial(0)
        'out.partial/00000-of-00002.tsv'
    """

    prefix: str
    shards: int
    suffix: str

    @property
    def numbers(self) -> range:
        """The numbers of all files."""
        return range(self.shards + 1)

    def final(self, number: int) -> str:
        """Return the final path of a file."""
        return f"{self.prefix}-{self._name(number)}"

    def partial(self, number: int) -> str:
        """Return the path of a file until all files are complete."""
        return f"{self.partial_folder}/{self._name(number)}"

    @property
    def partial_folder(self) -> str:
        """The folder that holds the files until all of them are complete."""
        return f"{self.prefix}.partial"

    def _name(self, number: int) -> str:
        if number == self.shards:
            return f"dead-letters{self.suffix}"
        return f"{number:05d}-of-{self.shards:05d}{self.suffix}"

    def earlier(self) -> list[str]:
        """Return the files of an earlier output with the same prefix, in any format."""
        ours = re.compile(r"-(\d{5}-of-\d{5}|dead-letters)\.(tsv|jsonl)(\.gz)?")
        found = files_that_begin(f"{self.prefix}-")
        return [path for path in found if ours.fullmatch(path[len(self.prefix) :])]


class WriteFile(beam.DoFn):
    """Writes each file of the output into the folder `OutputFiles.partial_folder`.

    If a runner repeats a bundle, it writes the same bytes again, so no line appears twice.
    """

    def __init__(self, files: OutputFiles) -> None:
        super().__init__()
        self.files = files

    def process(self, element: tuple[int, Iterable[Part]]) -> Iterator[tuple[None, int]]:
        """Write a file, with its parts in the order of the input, and yield its number."""
        number, parts = element
        content = "".join(part for _, _, part in sorted(parts)).encode()
        if self.files.suffix.endswith(".gz"):
            content = gzip.compress(content, mtime=0)  # with a time, equal texts would differ
        write_file(self.files.partial(number), content)
        yield None, number


class Finish(beam.DoFn):
    """Moves the files to their final places when all are complete."""

    def __init__(self, files: OutputFiles) -> None:
        super().__init__()
        self.files = files

    def process(self, element: tuple[None, Iterable[int]]) -> None:
        """Move the files."""
        if missing := sorted({*self.files.numbers} - {*element[1]}):
            raise InputError(f"{self.files.final(missing[0])}: no worker has written this file.")
        move_files(
            {self.files.partial(each): self.files.final(each) for each in self.files.numbers}
        )
        delete_folder(self.files.partial_folder)


def prepare_output(files: OutputFiles, *, overwrite: bool) -> None:
    """Check that there is no earlier output, or delete it with `overwrite`, and create the folder.

    Raises:
        InputError: if the prefix has no name, there is an earlier output that must not be deleted,
            or the folder cannot be written.
    """
    if not files.prefix.rpartition("/")[2]:
        raise InputError(
            "--output: expected a prefix for the names of the output files, such as out. "
            f"Received: {files.prefix!r}."
        )
    earlier = files.earlier()
    if earlier and not overwrite:
        raise InputError(
            f"{earlier[0]}: expected no earlier output with this prefix; choose another "
            "--output, or delete the earlier output with --overwrite."
        )
    delete_output(files)
    make_parent(files.partial_folder)


def delete_output(files: OutputFiles) -> None:
    """Delete the output with this prefix, in any format, and unfinished files."""
    delete_files(files.earlier())
    delete_folder(files.partial_folder)
