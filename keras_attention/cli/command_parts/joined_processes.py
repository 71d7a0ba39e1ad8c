"""One process among those that train a model together."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout

from keras_attention.cli.stopping import exit_at_once
from keras_attention.cli.watched_child import Parent
from keras_attention.training.processes.devices import process_count, process_index
from keras_attention.training.processes.processes import (
    describe_loss,
    leave_processes,
    start_processes,
)


@contextmanager
def join_processes(
    coordinator: str | None, processes: int | None, process: int | None
) -> Iterator[None]:
    """Train as one of several processes until the block ends; only the first prints anything."""
    parent = Parent()
    started = False
    with ExitStack() as stack:
        try:
            start_processes(coordinator, processes, process)
            started = True
            if process_count() > 1:
                parent.report_abort(describe_loss())
            if process_index():
                logging.getLogger("keras_attention").setLevel(logging.ERROR)
                null = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect_stdout(null))
            yield
            leave_processes()
        finally:
            if started:
                # After an error, JAX would wait for the other processes, which may wait for this
                # one. TensorFlow can wait forever for the thread that makes batches.
                exit_at_once()
