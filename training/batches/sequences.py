"""Compact storage of many id sequences and of the alignments of pairs, and subword sampling."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_attention.alignment.links import Links
from keras_attention.special_tokens import PAD_ID
from keras_attention.text.tokenizers import SubwordTokenizer, Tokenizer

from .bucketing import Ints

Weights = npt.NDArray[np.float32]
Guide = Links | Weights
"""The alignment of a pair: links between tokens, or weights `[T, S]`."""


class Side(Protocol):
    """The sources or the targets, from which batches are padded."""

    def pad(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the padded ids of some sequences, and their mask; see `SequenceTensors.pad`."""


class Sequences:
    """Many id sequences in one flat array, with a tenth of the memory of a list of lists."""

    def __init__(self) -> None:
        """Create an empty collection."""
        self.ids = array("i")
        self.lengths = array("q")

    def append(self, ids: list[int]) -> None:
        """Add one sequence."""
        self.ids.extend(ids)
        self.lengths.append(len(ids))

    def to_arrays(self) -> tuple[Any, Ints]:
        """Return all ids, int32, and a 0 followed by the end of each sequence."""
        return np.asarray(self.ids), np.concatenate([[0], np.cumsum(self.lengths)])

    def to_tensors(self) -> Side:
        """Return the same arrays as tensors, from which batches are built."""
        return SequenceTensors(*map(tf.constant, self.to_arrays()))


class Sampling:
    """The texts of one side, which are split into different subwords in every epoch."""

    def __init__(self, tokenizer: Tokenizer, dropout: float) -> None:
        """Check that the tokenizer has BPE merges, which dropout can skip."""
        if not isinstance(tokenizer, SubwordTokenizer):
            raise ValueError(
                f"`subword_dropout` requires a subword tokenizer. Received: {tokenizer.name!r}."
            )
        if tokenizer.model_type != "bpe":
            raise ValueError(f"`subword_dropout` requires BPE. Received: {tokenizer.model_type!r}.")
        self.texts: Iterable[str] = ()
        self._tokenizer, self._dropout = tokenizer, dropout

    def draw(self, seed: int, sequences: Sequences | None = None) -> tuple[Any, Ints]:
        """Return the arrays of `Sequences` for all texts, split with the given seed.

        Args:
            seed: the seed.
            sequences: an empty collection for the ids. Default: a collection in memory.
        """
        sequences = Sequences() if sequences is None else sequences
        for ids in self._tokenizer.stream_with_dropout(self.texts, self._dropout, seed):
            sequences.append(ids)
        return sequences.to_arrays()


class SequenceTensors(NamedTuple):
    """Many id sequences as tensors.

    Attributes:
        ids: all ids.
        ends: a 0 followed by the end of each sequence.
        places: for each row, the number of its sequence. Default: the number of the row.
    """

    ids: tf.Tensor
    ends: tf.Tensor
    places: tf.Tensor | None = None

    def pad(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the padded ids of some sequences, and a mask that is True at real tokens.

        Args:
            rows: indices of the sequences, `[B]`.

        Returns:
            Ids and mask, both `[B, L]`, where L is the length of the longest sequence.
        """
        rows = rows if self.places is None else tf.gather(self.places, rows)
        starts = tf.gather(self.ends, rows)[:, tf.newaxis]
        lengths = tf.gather(self.ends, rows + 1)[:, tf.newaxis] - starts
        positions = tf.range(tf.reduce_max(lengths))
        real = positions < lengths
        ids = tf.gather(self.ids, tf.where(real, starts + positions, 0))
        return tf.where(real, ids, PAD_ID), real


class GuideTensors(NamedTuple):
    """The alignments of all pairs: nonzero weights, and a 0 followed by the end of each pair."""

    places: tf.Tensor  # [L, 2]: target step, source step
    weights: tf.Tensor  # [L]
    ends: tf.Tensor

    @classmethod
    def of(cls, guides: Sequence[Guide]) -> GuideTensors:
        """Return the tensors for the links or the weights of each pair."""
        places, weights, ends = array("i"), array("f"), [0]
        for guide in guides:
            for target, source, weight in _entries(guide):
                places.extend((target, source))
                weights.append(weight)
            ends.append(len(weights))
        steps = tf.reshape(tf.constant(places, tf.int32), (-1, 2))
        return cls(steps, tf.constant(weights, tf.float32), tf.constant(ends, tf.int64))

    def matrices(self, rows: tf.Tensor, shape: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Return the weights `[B, T, S]` of some pairs.

        Args:
            rows: indices of the pairs, `[B]`.
            shape: target steps T and source steps S.
        """
        first, end = tf.gather(self.ends, rows), tf.gather(self.ends, rows + 1)
        found = tf.ragged.range(first, end)
        row = tf.cast(found.value_rowids(), "int32")[:, tf.newaxis]
        places = tf.concat([row, tf.gather(self.places, found.values)], axis=1)
        size = tf.stack([tf.shape(rows)[0], *shape])
        return tf.scatter_nd(places, tf.gather(self.weights, found.values), size)


def _entries(guide: Guide) -> Iterator[tuple[int, int, float]]:
    if isinstance(guide, frozenset):
        yield from sorted((target, source, 1.0) for source, target in guide)
    else:
        for target, source in np.argwhere(guide):
            yield int(target), int(source), float(guide[target, source])
