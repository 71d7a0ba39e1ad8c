"""Settings of older recipes that have another name now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from .settings import RecipeSetting

_logger = logging.getLogger(__name__)


class Renamed(NamedTuple):
    """A setting of older versions.

    Attributes:
        old: the setting as older versions declared it.
        key: the dotted key of the setting that replaces it.
        values: the new value that replaces each old value.
    """

    old: RecipeSetting
    key: str
    values: Mapping[Any, Any]


_OLD = RecipeSetting("training.mixed_precision", False, "compute in 16 bits")
RENAMED = {_OLD.key: Renamed(_OLD, "training.precision", {False: "float32", True: "bfloat16"})}
"""The old settings, by their dotted keys."""


@cache
def warn_of_old(old: str, value: str) -> None:
    """Log, once per process, which setting to write in place of an old setting."""
    new = RENAMED[old].key
    _logger.warning("`%s` is deprecated; write %s = %s instead.", old, new, value)
