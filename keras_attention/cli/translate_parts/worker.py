"""A process of `translate --workers`: it reads a job and batches, and writes their answers.

The messages are pickled, because both ends are our own processes.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
from typing import IO, Any

from keras_attention.cli.imports import lean_imports
from keras_attention.cli.native_messages import hide_start_messages
from keras_attention.errors import InputError

QUIET = "--quiet"
"""Argument of a worker that does not log, because another one logs the same warnings."""


def main() -> None:
    """Open the job's model, and answer batches until the input ends."""
    answers = _take_standard_output()
    requests = sys.stdin.buffer
    hide_start_messages(os.environ)
    if QUIET in sys.argv:
        logging.disable()
    with lean_imports():
        from keras_attention.cli.translate_parts import job as _  # noqa: F401  # to unpickle it
    from keras_attention.cli.translate_parts.translated_lines import answer_batch

    job = pickle.load(requests)
    try:
        columns, numbered = job.columns(), job.open()
    except InputError as error:
        _send(answers, error)
        return
    _send(answers, None)
    while (request := _receive(requests)) is not None:
        batch, first = request
        try:
            _send(answers, list(answer_batch(numbered(first), columns, batch)))
        except InputError as error:
            _send(answers, error)


def _take_standard_output() -> IO[bytes]:
    """Return the pipe to the command; what a library prints goes to standard error."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def _receive(requests: IO[bytes]) -> Any:
    """Return the next request; None if the command has ended."""
    try:
        return pickle.load(requests)
    except EOFError:
        return None


def _send(answers: IO[bytes], answer: object) -> None:
    """Write an answer, or end this process if the command has ended."""
    try:
        pickle.dump(answer, answers)
        answers.flush()
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
