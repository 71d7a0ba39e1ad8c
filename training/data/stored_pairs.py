"""Pairs in a file, for data that should not be held in memory."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from keras_attention.files.path_errors import errors_of_writing

Pair = tuple[str, str]
"""A source and a target."""

MEGABYTE = 10**6

TEXTS_FILE, ENDS_FILE = "texts", "ends"
"""The files of pairs in a folder: the bytes of all texts; and a 0 followed by each text's end."""

_Row = TypeVar("_Row")
_Indices = npt.NDArray[np.int64] | Sequence[int]
_CHUNK = 1 << 20


class StoredPairs(Sequence[Pair]):
    """Pairs whose texts are in a file.

    The file is mapped into memory, so that the system reads a part when it is needed and drops it
    when memory is short.

    Args:
        texts: the bytes of all texts.
        ends: a 0 followed by the end of each text: the source and the target of each pair.
        order: the numbers of the pairs in `ends`, in the order of this sequence.

    Attributes:
        order: the argument.

    Example:
        >>> pairs = StoredPairs.of([("one", "eins"), ("two", "zwei"), ("three", "drei")])
        >>> pairs[0], pairs.take([2, 1])[:1], len(pairs)
        (('one', 'eins'), [('three', 'drei')], 3)
    """

    def __init__(self, texts: mmap.mmap, ends: npt.NDArray[np.int64], order: _Indices) -> None:
        self._texts, self._ends = texts, ends
        self.order = np.asarray(order, "int64")

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> StoredPairs:
        """Write pairs to a temporary file, which the system deletes with the process.

        There must be at least one character. The places of the texts, 16 bytes for each pair, are
        held in memory.

        Raises:
            InputError: if the folder of temporary files is full.
        """
        folder = tempfile.gettempdir()
        with errors_of_writing(folder), tempfile.TemporaryFile(buffering=_CHUNK) as file:
            ends = np.array(array("q", write_texts(pairs, file)), "int64")
            file.flush()
            texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(texts, ends, np.arange(len(ends) // 2))

    def take(self, indices: _Indices) -> StoredPairs:
        """Return the pairs at these places, in this order, in the same file."""
        return self._in_order(self.order[np.asarray(indices, "int64")])

    def _in_order(self, order: npt.NDArray[np.int64]) -> StoredPairs:
        return StoredPairs(self._texts, self._ends, order)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.order)

    @overload
    def __getitem__(self, place: int) -> Pair: ...
    @overload
    def __getitem__(self, place: slice) -> list[Pair]: ...
    def __getitem__(self, place: Any) -> Any:
        """Return the pair at a place, or a list of the pairs of a slice."""
        if isinstance(place, slice):
            return list(self._read(self.order[place]))
        return next(self._read(self.order[[place]]))

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs."""
        return self._read(self.order)

    def _read(self, order: npt.NDArray[np.int64]) -> Iterator[Pair]:
        for first in range(0, len(order), _CHUNK):
            numbers = 2 * order[first : first + _CHUNK]
            places = (self._ends[numbers + step].tolist() for step in range(3))
            for begin, middle, end in zip(*places, strict=True):
                yield self._text(begin, middle), self._text(middle, end)

    def _text(self, begin: int, end: int) -> str:
        return self._texts[begin:end].decode(errors="surrogatepass")


def open_pairs(folder: Path) -> StoredPairs:
    """Return all pairs in the files of a folder."""
    texts, ends = map_pairs(folder)
    return StoredPairs(texts, ends, np.arange(len(ends) // 2))


def map_pairs(folder: Path) -> tuple[mmap.mmap, npt.NDArray[np.int64]]:
    """Return the texts and the ends in a folder, which are read when they are needed."""
    with open(folder / TEXTS_FILE, "rb") as file:
        texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return texts, map_array(folder / ENDS_FILE, "int64")


def map_array(path: Path, kind: str) -> Any:
    """Return the numbers of a file as an array that is read when it is needed.

    Args:
        path: the file; it must not be empty.
        kind: the type of the numbers, such as "int64".
    """
    return np.asarray(np.memmap(path, kind, mode="r"))


def write_texts(pairs: Iterable[Pair], file: IO[bytes]) -> Iterator[int]:
    """Write the texts of pairs, and yield a 0 and the end of each text."""
    end = 0
    yield end
    for text in chain.from_iterable(pairs):
        end += file.write(text.encode(errors="surrogatepass"))
        yield end


def collect_pairs(
    pairs: Iterable[Pair],
    megabytes: float,
    write: Callable[[Iterable[Pair]], StoredPairs] = StoredPairs.of,
) -> Sequence[Pair]:
    """Return pairs as a list, or in a file if they have more text than a limit.

    Args:
        pairs: the pairs, which are read once.
        megabytes: largest number of characters, in millions, of a list.
        write: writes the pairs to a file. Default: to a temporary file.
    """
    remaining, found, size = iter(pairs), list[Pair](), 0
    for source, target in remaining:
        found.append((source, target))
        size += len(source) + len(target)
        if size > megabytes * MEGABYTE:
            return write(chain(_drain(found), remaining))
    return found


def take_rows(rows: Sequence[_Row], indices: _Indices) -> Sequence[_Row]:
    """Return the rows at these places, in this order; those of stored pairs stay in their file."""
    if isinstance(rows, StoredPairs):
        return cast(Sequence[_Row], rows.take(indices))
    return [rows[index] for index in indices]


def join_pairs(first: Sequence[Pair], second: Sequence[Pair]) -> Sequence[Pair]:
    """Return the pairs of both sequences, in a file if the pairs of `first` are in a file."""
    if isinstance(first, StoredPairs):
        return StoredPairs.of(chain(first, second)) if second else first
    return [*first, *second]


def _drain(pairs: list[Pair]) -> Iterator[Pair]:
    """Yield the pairs of a list, and release them."""
    pairs.reverse()
    while pairs:
        yield pairs.pop()
