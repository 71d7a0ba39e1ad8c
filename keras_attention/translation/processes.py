"""Errors about objects that a forked process cannot use, or that cannot be pickled."""

from __future__ import annotations

import os
from typing import NoReturn

from keras_attention.errors import InputError

_loaded = _forked = False


class LoadedModel:
    """A marker for an object with a loaded model, which a forked process cannot use.

    A forked process does not have the threads that TensorFlow and JAX started in its parent, so it
    would wait for them forever.

    Args:
        noun: name of the object in errors, such as "a Translator".

    Raises:
        InputError: if this process was forked from one that had loaded a model.
    """

    def __init__(self, noun: str) -> None:
        global _loaded
        self.noun = noun
        self.check_process()
        _loaded = True

    def check_process(self) -> None:
        """Check that this process was not forked from one that had loaded a model."""
        if _forked:
            raise InputError(
                f"{self.noun} cannot be used in a process forked from one that had loaded a model; "
                "start processes with `multiprocessing.get_context('spawn')`."
            )

    def __reduce__(self) -> tuple[type[LoadedModel], tuple[str]]:
        """Make a new marker when this one is unpickled; its constructor checks the process."""
        return LoadedModel, (self.noun,)


def refuse_pickling(noun: str) -> NoReturn:
    """Raise an error about an object that cannot be pickled.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{noun} cannot be pickled; create one in each process.")


def _note_fork() -> None:
    global _forked
    _forked = _loaded


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_note_fork)
