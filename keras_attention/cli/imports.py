"""A context manager that skips a slow import, so that commands start faster."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_OPTIONAL = "matplotlib"
"""Keras imports this package, if installed, to plot galleries of images. That takes a fifth of the
time in which Keras is imported."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import Keras inside the block as if matplotlib were not installed.

    Nothing is hidden if Keras or matplotlib is already imported, and matplotlib can be imported
    again after the block. `keras.visualization`, which nothing here uses, reports for the rest of
    the process that matplotlib is missing.
    """
    hide = "keras" not in sys.modules and _OPTIONAL not in sys.modules
    if hide:
        # An import of a module that is None in `sys.modules` raises ModuleNotFoundError.
        sys.modules[_OPTIONAL] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            sys.modules.pop(_OPTIONAL, None)
