"""The worker processes of `translate`, and the order of their answers."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, cast

from keras_attention.child_processes import WorkerPool, WorkerProcess, child_environment, open_pool
from keras_attention.cli.lines import Batch
from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.cli.translate_parts.translated_lines import Answer, AnswerAll
from keras_attention.cli.translate_parts.worker import QUIET

WORKER = (sys.executable, "-m", "keras_attention.cli.translate_parts.worker")
"""The command that starts a worker."""

_AHEAD = 2
"""Number of batches per worker that are read before earlier answers are written."""


class Worker(WorkerProcess):
    """A process with its own copy of the model."""

    def __init__(
        self, job: TranslationJob, environment: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        command = [*WORKER, *[QUIET] * quiet]
        super().__init__(command, environment, job, advice="use fewer --workers")
        self._is_open = False

    def open(self) -> None:
        """Wait until the model is loaded."""
        if not self._is_open and (error := self.receive()) is not None:
            raise error
        self._is_open = True

    def answer(self, batch: Batch, first: int) -> list[Answer]:
        """Return the answers to a batch whose first text has the given number."""
        self.open()
        return cast(list[Answer], self.ask((batch, first)))


class _Pending(NamedTuple):
    """A batch whose answers are not complete."""

    batch: Batch
    answers: Future[list[Answer]]


@contextmanager
def open_translators(job: TranslationJob, count: int) -> Iterator[AnswerAll]:
    """Start worker processes that translate, and end them after the block."""
    environment = child_environment(os.environ, count)
    with open_pool(lambda number: Worker(job, environment, quiet=number > 0), count) as pool:
        pool.workers[0].open()
        yield _Answers(pool).answer_all


class _Answers:
    """Gives each batch to a worker that is idle, and returns the answers in order."""

    def __init__(self, pool: WorkerPool[Worker]) -> None:
        self._pool = pool
        self._pending: queue.Queue[_Pending | Exception | None] = queue.Queue(
            _AHEAD * len(pool.workers)
        )

    def answer_all(
        self, batches: Iterator[Batch], first: int
    ) -> Iterator[tuple[Batch, list[Answer]]]:
        """Yield each batch with its answers; a separate thread reads the input."""
        threading.Thread(target=self._read, args=(batches, first), daemon=True).start()
        while (item := self._pending.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item.batch, item.answers.result()

    def _read(self, batches: Iterator[Batch], first: int) -> None:
        try:
            for batch in batches:
                answers = self._pool.submit(partial(Worker.answer, batch=batch, first=first))
                first += sum(isinstance(line, str) for line in batch.lines)
                self._pending.put(_Pending(batch, answers))
            self._pending.put(None)
        except Exception as error:  # raised again in the thread that writes
            self._pending.put(error)
