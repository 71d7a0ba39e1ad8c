"""Id sequences in temporary files, for data whose ids should not be held in memory."""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.files.path_errors import errors_of_writing
from keras_attention.special_tokens import PAD_ID

from ..data.stored_pairs import StoredPairs
from .bucketing import Ints
from .sequences import Sampling, Sequences

_IDS = 1 << 18
"""Number of ids that are written to the file at a time."""


class StoredSequences(Sequences):
    """Id sequences in a temporary file, which the system deletes with the process.

    Only the length of each sequence is held in memory.
    """

    def __init__(self) -> None:
        """Create an empty collection."""
        super().__init__()
        self._file = tempfile.TemporaryFile()

    def append(self, ids: list[int]) -> None:
        """Add one sequence."""
        super().append(ids)
        if len(self.ids) >= _IDS:
            self._flush()

    def to_arrays(self) -> tuple[Any, Ints]:
        """Return all ids, int32, mapped from the file, and a 0 followed by the sequences' ends."""
        self._flush()
        with self._file as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, "int32"), np.concatenate([[0], np.cumsum(self.lengths)])

    def to_tensors(self) -> StoredTensors:
        """Return an object that reads the ids of a batch when they are needed."""
        return StoredTensors(*self.to_arrays())

    def _flush(self) -> None:
        with errors_of_writing(tempfile.gettempdir()):
            self.ids.tofile(self._file)
            self._file.flush()
        del self.ids[:]


class StoredTensors:
    """Batches of id sequences that are read from a file when they are needed.

    Args:
        ids: all ids.
        ends: a 0 followed by the end of each sequence.
    """

    def __init__(self, ids: Any, ends: Ints) -> None:
        self._ids, self._ends = ids, ends

    def pad(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the padded ids of some sequences, and their mask; see `SequenceTensors.pad`."""
        return _as_tensors(self.pad_rows, [rows])

    def pad_rows(self, rows: Ints) -> tuple[Any, Any]:
        """Return the same as `pad`, as arrays."""
        starts = self._ends[rows][:, np.newaxis]
        lengths = self._ends[rows + 1][:, np.newaxis] - starts
        positions = np.arange(lengths.max(initial=0))
        real = positions < lengths
        ids = self._ids[np.where(real, starts + positions, 0)]
        return np.where(real, ids, np.int32(PAD_ID)), real


class StoredSampling:
    """Id sequences that are drawn again in every epoch and written to a file.

    Args:
        sampling: The texts of one side.
        seed_of: Returns the seed of an epoch.
    """

    def __init__(self, sampling: Sampling, seed_of: Any) -> None:
        self._sampling, self._seed_of = sampling, seed_of
        self._epoch, self._drawn = -1, StoredTensors(np.zeros(0, "int32"), np.zeros(1, "int64"))
        self._drawing = threading.Lock()

    def at(self, epoch: tf.Tensor) -> _Epoch:
        """Return the sequences of an epoch."""
        return _Epoch(self, epoch)

    def pad_rows(self, epoch: int, rows: Ints) -> tuple[Any, Any]:
        """Return the padded ids of some sequences of an epoch, and their mask."""
        with self._drawing:
            if epoch != self._epoch:
                seed = self._seed_of(int(epoch))
                self._drawn = StoredTensors(*self._sampling.draw(seed, StoredSequences()))
                self._epoch = int(epoch)
            drawn = self._drawn
        return drawn.pad_rows(rows)


class _Epoch:
    """The sequences of one epoch."""

    def __init__(self, sampling: StoredSampling, epoch: tf.Tensor) -> None:
        self._sampling, self._epoch = sampling, epoch

    def pad(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the padded ids of some sequences, and their mask; see `SequenceTensors.pad`."""
        return _as_tensors(self._sampling.pad_rows, [self._epoch, rows])


class StoredTexts(Iterable[str]):
    """The texts of one side of pairs that are in a file, read again in every epoch.

    Args:
        pairs: The pairs.
        side: 0 for sources, 1 for targets.
    """

    def __init__(self, pairs: StoredPairs, side: int) -> None:
        self._pairs, self._side = pairs, side

    def __iter__(self) -> Iterator[str]:
        """Yield the texts."""
        return (pair[self._side] for pair in self._pairs)


def _as_tensors(pad_rows: Any, inputs: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    ids, real = tf.numpy_function(pad_rows, inputs, [tf.int32, tf.bool], stateful=False)
    return tf.ensure_shape(ids, [None, None]), tf.ensure_shape(real, [None, None])
