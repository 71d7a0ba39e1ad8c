"""Checks of single arguments; each error names the argument."""

import inspect
from collections.abc import Callable
from typing import Any

from keras_attention.errors import SettingError


def keyword_arguments(function: Callable[..., Any]) -> list[str]:
    """Return the names of the keyword-only arguments of a function.

    Example:
        >>> keyword_arguments(sorted)
        ['key', 'reverse']
    """
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def checked_units(units: Any, name: str = "units") -> int:
    """Check `units` and return it."""
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise SettingError(name, f"must be a positive integer. Received: {name}={units!r}.")
    return units


def checked_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Check `value` and return it."""
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise SettingError(name, f"must be one of {listed}. Received: {name}={value!r}.")
    return str(value)


def checked_rate(rate: float, name: str = "dropout") -> float:
    """Check `rate` and return it."""
    if not 0 <= rate < 1:
        raise SettingError(name, f"must be in [0, 1). Received: {name}={rate!r}.")
    return rate
