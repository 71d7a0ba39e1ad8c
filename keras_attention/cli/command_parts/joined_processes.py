"""One process among those that train a model together."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout

from keras_attention.cli.stopping import exit_at_once
from keras_attention.training.processes.devices import process_count, process_index
from keras_attention.training.processes.processes import start_processes


@contextmanager
def join_processes(
    coordinator: str | None, processes: int | None, process: int | None
) -> Iterator[None]:
    """Train as one of several processes until the block ends; only the first prints anything."""
    with ExitStack() as stack:
        try:
            start_processes(coordinator, processes, process)
            if process_index():
                logging.getLogger("keras_attention").setLevel(logging.ERROR)
                null = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect_stdout(null))
            yield
        except BaseException:
            if process_count() > 1:
                exit_at_once()  # otherwise JAX waits for the others, which may wait for this one
            raise
