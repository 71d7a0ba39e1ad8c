"""Pairs in a temporary file, for data that should not be held in memory."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from keras_attention.files.text_files import errors_of_writing

Pair = tuple[str, str]
"""A source and a target."""

MEGABYTE = 10**6

_Row = TypeVar("_Row")
_Indices = npt.NDArray[np.int64] | Sequence[int]
_CHUNK = 1 << 20


class StoredPairs(Sequence[Pair]):
    """Pairs whose texts are in a temporary file, which the system deletes with the process.

    The file is mapped into memory, so that the system reads a part when it is needed and drops it
    when memory is short. Only the places of the texts, 16 bytes for each pair, are held in memory.

    Args:
        texts: the bytes of all texts.
        ends: a 0 followed by the end of each text: the source and the target of each pair.
        order: the numbers of the pairs in `ends`, in the order of this sequence.

    Example:
        >>> pairs = StoredPairs.of([("one", "eins"), ("two", "zwei"), ("three", "drei")])
        >>> pairs[0], pairs.take([2, 1])[:1], len(pairs)
        (('one', 'eins'), [('three', 'drei')], 3)
    """

    def __init__(self, texts: mmap.mmap, ends: npt.NDArray[np.int64], order: _Indices) -> None:
        self._texts, self._ends = texts, ends
        self._order = np.asarray(order, "int64")

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> StoredPairs:
        """Write pairs to a temporary file; there must be at least one character.

        Raises:
            InputError: if the folder of temporary files is full.
        """
        ends, folder = array("q", [0]), tempfile.gettempdir()
        with errors_of_writing(folder), tempfile.TemporaryFile(buffering=_CHUNK) as file:
            for text in chain.from_iterable(pairs):
                ends.append(ends[-1] + file.write(text.encode(errors="surrogatepass")))
            file.flush()
            texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(texts, np.array(ends, "int64"), np.arange(len(ends) // 2))

    def take(self, indices: _Indices) -> StoredPairs:
        """Return the pairs at these places, in this order, in the same file."""
        return StoredPairs(self._texts, self._ends, self._order[np.asarray(indices, "int64")])

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Pair: ...
    @overload
    def __getitem__(self, place: slice) -> list[Pair]: ...
    def __getitem__(self, place: Any) -> Any:
        """Return the pair at a place, or a list of the pairs of a slice."""
        if isinstance(place, slice):
            return list(self._read(self._order[place]))
        return next(self._read(self._order[[place]]))

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs."""
        return self._read(self._order)

    def _read(self, order: npt.NDArray[np.int64]) -> Iterator[Pair]:
        for first in range(0, len(order), _CHUNK):
            numbers = 2 * order[first : first + _CHUNK]
            places = (self._ends[numbers + step].tolist() for step in range(3))
            for begin, middle, end in zip(*places, strict=True):
                yield self._text(begin, middle), self._text(middle, end)

    def _text(self, begin: int, end: int) -> str:
        return self._texts[begin:end].decode(errors="surrogatepass")


def collect_pairs(pairs: Iterable[Pair], megabytes: float) -> Sequence[Pair]:
    """Return pairs as a list, or in a file if they have more text than a limit.

    Args:
        pairs: the pairs, which are read once.
        megabytes: largest number of characters, in millions, of a list.
    """
    remaining, found, size = iter(pairs), list[Pair](), 0
    for source, target in remaining:
        found.append((source, target))
        size += len(source) + len(target)
        if size > megabytes * MEGABYTE:
            return StoredPairs.of(chain(_drain(found), remaining))
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
