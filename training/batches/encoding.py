"""The ids of parts of the pairs in a store, as several processes encode them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from keras_attention.errors import TextError
from keras_attention.text.tokenizers import Tokenizer

from ..data.stored_pairs import Pair


class EncodedPart(NamedTuple):
    """The ids of some pairs: for sources and for targets, all ids as int32 and the lengths."""

    ids: tuple[bytes, bytes]
    lengths: tuple[array[int], array[int]]


class EncodingError(NamedTuple):
    """The reason why a pair cannot be encoded, and its place among the pairs of the request."""

    problem: str
    place: int


@dataclass(frozen=True)
class EncodingJob:
    """The pairs that a process encodes.

    Attributes:
        folder: the folder `pairs` of a store.
        tokenizers: the tokenizers of sources and of targets.
    """

    folder: Path
    tokenizers: tuple[Tokenizer, Tokenizer]


def encode_part(
    pairs: Iterable[Pair], tokenizers: tuple[Tokenizer, Tokenizer]
) -> EncodedPart | EncodingError:
    """Return the ids of pairs, or the error about the first that cannot be encoded."""
    ids, lengths = (array("i"), array("i")), (array("q"), array("q"))
    for index, pair in enumerate(pairs):
        for side, text in enumerate(pair):
            try:
                found = tokenizers[side].encode(text)
            except TextError as error:
                return EncodingError(error.problem, index)
            ids[side].extend(found)
            lengths[side].append(len(found))
    return EncodedPart((ids[0].tobytes(), ids[1].tobytes()), lengths)
