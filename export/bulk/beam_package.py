"""The import of Apache Beam, which is an extra."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from keras_attention.distribution import install_command
from keras_attention.errors import InputError


def import_beam() -> None:
    """Import Apache Beam without its warnings about packages that are not needed here.

    Raises:
        InputError: if it is not installed.
    """
    if find_spec("apache_beam") is None:
        raise InputError(f"bulk translation requires Apache Beam: {install_command('bulk')}.")
    with logs_hidden():
        import apache_beam as _  # noqa: F401


@contextmanager
def logs_hidden() -> Iterator[None]:
    """Hide warnings that Beam logs in the block."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
