"""What the objects that translate do in other processes: pickling, and forks."""

from __future__ import annotations

import os
from typing import NoReturn

from keras_attention.errors import InputError

_loaded = _forked = False


class LoadedModel:
    """A mark of an object that holds a loaded model, which no forked process can use.

    A forked process lacks the threads that TensorFlow and JAX started in its parent, and waits for
    them forever.

    Args:
        noun: what an error calls the object.

    Raises:
        InputError: if this process was forked from one that had loaded a model.
    """

    def __init__(self, noun: str) -> None:
        global _loaded
        self.noun = noun
        self.check_process()
        _loaded = True

    def check_process(self) -> None:
        """Check that no process with a loaded model was forked into this one.

        Raises:
            InputError: if one was.
        """
        if _forked:
            raise InputError(
                f"{self.noun} cannot be used in a process forked from one that had loaded a model; "
                "start processes with `multiprocessing.get_context('spawn')`."
            )

    def __reduce__(self) -> tuple[type[LoadedModel], tuple[str]]:
        """Return the call that makes, and so checks, the mark where it is unpickled."""
        return LoadedModel, (self.noun,)


def refuse_pickling(noun: str) -> NoReturn:
    """Says that an object cannot be pickled.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{noun} cannot be pickled; make one in each process.")


def _note_fork() -> None:
    global _forked
    _forked = _loaded


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_note_fork)
