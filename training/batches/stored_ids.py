"""Token ids in the store of large training data, encoded by several processes."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_attention.child_processes import (
    WorkerPool,
    WorkerProcess,
    child_environment,
    count_cores,
    open_pool,
)
from keras_attention.errors import TextError
from keras_attention.text.tokenizers import Tokenizer

from ..data.data_store import SIDES, PairsInStore, changed_meanwhile, digest, report_writing
from ..data.store_files import show_pairs
from ..data.stored_pairs import map_array
from .bucketing import Ints
from .encoding import EncodedPart, EncodingError, EncodingJob, encode_part
from .sequences import SequenceTensors

_CHUNK = 20_000
"""Number of pairs that a process encodes at a time."""

_LEAST = 5
"""Number of chunks per process from which several processes are faster than one."""

_AHEAD = 2
"""Number of chunks per process that are encoded before earlier ones are written."""

WORKER = (sys.executable, "-m", "keras_attention.training.batches.encoding_worker")
"""The command that starts a process."""

_Tokenizers = tuple[Tokenizer, Tokenizer]
_Part = EncodedPart | EncodingError
_EncodeAll = Callable[[Iterable[Ints]], Iterator[_Part]]
_logger = logging.getLogger(__name__)


class StoredIds:
    """The ids of the sources or of the targets of pairs, in a store.

    Args:
        sequences: all sequences.
        places: for each pair, the number of its sequence.
        lengths: the number of ids of each pair.

    Attributes:
        lengths: the argument.
    """

    def __init__(self, sequences: SequenceTensors, places: Ints, lengths: Ints) -> None:
        self._sequences, self._places, self.lengths = sequences, places, lengths

    def take(self, kept: npt.NDArray[np.bool_]) -> StoredIds:
        """Return the ids of the pairs for which `kept` is True."""
        if kept.all():
            return self
        return StoredIds(self._sequences, self._places[kept], self.lengths[kept])

    def to_tensors(self) -> SequenceTensors:
        """Return tensors whose ids are read from the files when a batch needs them."""
        return self._sequences._replace(places=tf.constant(self._places))


def encode_in_store(
    pairs: PairsInStore, tokenizers: _Tokenizers, noun: str
) -> list[StoredIds] | None:
    """Return the ids of sources and of targets; encode them only if the store does not have them.

    None if the store does not have them and this process has no permission to write it.

    Args:
        pairs: the pairs.
        tokenizers: the tokenizers of sources and of targets.
        noun: the name of the pairs in errors.

    Raises:
        TextError: if a source lacks a source feature, or has an unknown value for it.
        InputError: if the store cannot be written, or a process was ended.
    """
    used = np.zeros(pairs.total, bool)
    used[pairs.order] = True
    origin = _origin_of(pairs, tokenizers, used)
    store, folder = pairs.store, pairs.store.ids_folder
    places = (np.cumsum(used) - 1)[pairs.order]

    def read(path: Path, _: Mapping[str, int]) -> list[StoredIds]:
        return _open(path, places)

    found = folder.open(origin, read).value
    if found is not None:
        _logger.info(
            "%s: the texts and ids of %s training pairs were stored by an earlier start and are "
            "reused",
            *(store.path, f"{len(pairs):,}"),
        )
        return found
    if not store.is_writable:
        _logger.warning(
            "%s: this folder cannot be written, so the token ids are in temporary files, and each "
            "start encodes the texts again.",
            store.path,
        )
        return None
    with store.locked():
        opened = folder.open(origin, read)  # another process may have written them
        if opened.value is None:
            with folder.writing(origin) as (temporary, _):
                what = f"the ids of {len(pairs):,} training pairs"
                report_writing(store.path, what, opened.problem)
                _write(temporary, pairs, np.flatnonzero(used), tokenizers, noun)
            opened = folder.open(origin, read)
    if opened.value is None:
        raise changed_meanwhile(store.path)
    return opened.value


def _origin_of(
    pairs: PairsInStore, tokenizers: _Tokenizers, used: npt.NDArray[np.bool_]
) -> dict[str, str]:
    """Return everything that the ids depend on."""
    numbers = hashlib.sha256(np.packbits(used).data).hexdigest()
    origin = {"pairs": pairs.pairs_digest, "the training pairs": numbers}
    for side, tokenizer in zip(SIDES, tokenizers, strict=True):
        parts = {
            "name": tokenizer.name,
            "content": hashlib.sha256(tokenizer.to_bytes()).hexdigest(),
            "normalizer": repr(tokenizer.normalizer),
            "features": repr(tokenizer.features.to_json()),
        }
        origin[f"the tokenizer of {side}"] = digest(parts)
    return origin


def _open(folder: Path, places: Ints) -> list[StoredIds]:
    found = []
    for side in SIDES:
        ids, ends = folder / f"{side}.ids", folder / f"{side}.ends"
        sequences = SequenceTensors(map_tensor(ids, tf.int32), map_tensor(ends, tf.int64))
        found.append(StoredIds(sequences, places, np.diff(map_array(ends, "int64"))[places]))
    return found


def map_tensor(path: Path, dtype: tf.DType) -> tf.Tensor:
    """Return the numbers of a file as a tensor `[N]` that is read when it is needed.

    TensorFlow reads it without Python, so a training step need not wait for the disk.

    Args:
        path: the file; it must not be empty.
        dtype: the type of the numbers.
    """
    shape = [path.stat().st_size // dtype.size]
    name = str(path.absolute())

    # TensorFlow caches the eager operation by file name, so it would return the earlier file after
    # the file is replaced. A new function has no cache.
    @tf.function
    def read() -> tf.Tensor:
        with tf.device("CPU:0"):
            return tf.raw_ops.ImmutableConst(dtype=dtype, shape=shape, memory_region_name=name)

    return read()


def _write(
    folder: Path, pairs: PairsInStore, numbers: Ints, tokenizers: _Tokenizers, noun: str
) -> None:
    """Write the ids of the pairs with these numbers, which increase."""
    chunks = [numbers[first : first + _CHUNK] for first in range(0, len(numbers), _CHUNK)]
    ends = [np.zeros(1, "int64")] * len(SIDES)
    with ExitStack() as stack:
        files = [
            [stack.enter_context(open(folder / f"{side}.{part}", "wb")) for part in ("ids", "ends")]
            for side in SIDES
        ]
        for (_, file), end in zip(files, ends, strict=True):
            file.write(end.tobytes())
        encode_all = stack.enter_context(_open_encoders(pairs, tokenizers, len(chunks)))
        advance = stack.enter_context(show_pairs(len(numbers)))
        for chunk, part in zip(chunks, encode_all(chunks), strict=True):
            if isinstance(part, EncodingError):
                (index,) = np.flatnonzero(pairs.order == chunk[part.place])
                raise TextError(part.problem, int(index), noun.removesuffix("s"))
            for side, (id_file, end_file) in enumerate(files):
                id_file.write(part.ids[side])
                ends[side] = ends[side][-1] + np.cumsum(part.lengths[side])
                end_file.write(ends[side].tobytes())
            advance(len(chunk))


@contextmanager
def _open_encoders(
    pairs: PairsInStore, tokenizers: _Tokenizers, chunks: int
) -> Iterator[_EncodeAll]:
    """Yield a function that encodes chunks in order.

    If there are many chunks, a process for each core encodes them. The processes open the folder of
    the pairs again, so the store must be locked. If another run has replaced the pairs there, this
    process encodes its own, which it still reads.
    """
    count = min(count_cores(), chunks // _LEAST)
    if count < 2 or not pairs.store.has(pairs):
        every = pairs.every()
        yield lambda parts: (encode_part(every.take(each), tokenizers) for each in parts)
        return
    environment = child_environment(os.environ, count)
    job = EncodingJob(pairs.store.pairs_folder.path, tokenizers)

    def start(_: int) -> WorkerProcess:
        return WorkerProcess(WORKER, environment, job, advice="free some of it")

    with open_pool(start, count) as pool:
        yield partial(_encode_side_by_side, pool)


def _encode_side_by_side(
    pool: WorkerPool[WorkerProcess], chunks: Iterable[Ints]
) -> Iterator[_Part]:
    """Yield the parts of the chunks in order, while idle workers encode the next ones."""
    pending: deque[Future[_Part]] = deque()
    for chunk in chunks:
        pending.append(pool.submit(partial(WorkerProcess.ask, request=chunk)))
        if len(pending) > _AHEAD * len(pool.workers):
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
