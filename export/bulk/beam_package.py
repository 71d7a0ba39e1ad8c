"""Import Apache Beam, which the extra [bulk] installs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from keras_attention.distribution import install_command
from keras_attention.errors import InputError


def import_beam() -> None:
    """Import Apache Beam, and hide its warnings about optional packages that we do not need.

    Raises:
        InputError: if Apache Beam is not installed.
    """
    if find_spec("apache_beam") is None:
        raise InputError(f"bulk translation requires Apache Beam: {install_command('bulk')}.")
    with logs_hidden():
        import apache_beam as _  # noqa: F401


@contextmanager
def logs_hidden() -> Iterator[None]:
    """Hide the warnings that Beam logs during the block."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
