"""A process of `translate --workers`: it reads a job and batches, and writes their answers."""

from __future__ import annotations

import logging
import os
import sys

from keras_attention.child_processes import RequestPipes
from keras_attention.errors import InputError
from keras_attention.lean_imports import import_lean
from keras_attention.native_messages import hide_start_messages

QUIET = "--quiet"
"""Argument of a worker that does not log, because another one logs the same warnings."""


def main() -> None:
    """Open the job's model, and answer batches until the input ends."""
    pipes = RequestPipes.take_standard()
    hide_start_messages(os.environ)
    if QUIET in sys.argv:
        logging.disable()
    import_lean()
    from keras_attention.cli.translate_parts import job as _  # noqa: F401  # to unpickle it
    from keras_attention.cli.translate_parts.translated_lines import answer_batch

    job = pipes.receive()
    try:
        columns, numbered = job.columns(), job.open()
    except InputError as error:
        pipes.send(error)
        return
    pipes.send(None)
    while (request := pipes.receive()) is not None:
        batch, first = request
        try:
            pipes.send(list(answer_batch(numbered(first), columns, batch)))
        except InputError as error:
            pipes.send(error)


if __name__ == "__main__":
    main()
