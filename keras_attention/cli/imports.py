"""What a command that answers soon does not wait for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_IN_PASSING = "matplotlib"
"""Keras looks for it while it is imported, for galleries of images; a fifth of its import."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """While this is entered Keras is imported as if matplotlib were not installed.

    What was imported before stays, and what is imported afterwards is found. Keras's own
    `keras.visualization`, which nothing here uses, says for the rest of the process that
    matplotlib is missing.
    """
    hide = "keras" not in sys.modules and _IN_PASSING not in sys.modules
    if hide:
        # Python's own sign for a module that is not there.
        sys.modules[_IN_PASSING] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            sys.modules.pop(_IN_PASSING, None)
