"""Settings of older recipes that have another name now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .sections import TrainingConfig
from .settings import RecipeSetting

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Renamed:
    """A setting of older versions.

    Attributes:
        old: the setting as older versions declared it, with its dotted key.
        key: the dotted key of the setting that replaces it.
        values: the new value that replaces each old value.
    """

    old: RecipeSetting
    key: str
    values: Mapping[Any, Any]

    def check(self, value: object) -> Any:
        """Return the new value that replaces an old value."""
        return self.values[self.old.check(value)]


RENAMED = {
    item.old.key: item
    for item in (
        Renamed(
            RecipeSetting(f"{TrainingConfig.section}.mixed_precision", False, "compute in 16 bits"),
            "training.precision",
            {False: "float32", True: "bfloat16"},
        ),
    )
}
"""The old settings, by their dotted keys."""


@cache
def warn_of_old(old: str, value: str) -> None:
    """Log, once per process, which setting to write in place of an old setting."""
    new = RENAMED[old].key
    _logger.warning("`%s` is deprecated; write %s = %s instead.", old, new, value)
