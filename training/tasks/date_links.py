"""Which characters of a date each character of its ISO date came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import product

from keras_attention.alignment.links import GoldAlignment

from .dates import write_every_way

_SOURCE = re.compile(
    r"(?:[A-Za-z]+, )?(?:(?P<name>[A-Za-z]+)|(?P<month>[0-9]{1,2}))(?P<first> |/)"
    r"(?P<day>[0-9]{1,2})(?P<second>, |/)(?P<year>[0-9]{4}|[0-9]{2})"
)
_CENTURY, _YEAR, _MONTH, _DAY = range(2), range(4), range(5, 7), range(8, 10)
_HYPHENS = 4, 7

_Link = tuple[int, int]


def date_links(source: str, target: str) -> GoldAlignment:
    """Aligns the characters of a pair that `generate_dates` makes, or the public file holds.

    Sure are digits that were copied: those of the year, month and day, each with its own. The rest
    is possible, since it was read off characters of which none is the one:

    - the century of a two-digit year: either digit of that year;
    - the zero of a one-digit month or day: that digit, or what ends it, which says it is one;
    - either digit of a month that is written as a name: every letter of the name;
    - `-`: what stands between month, day and year.

    A weekday says nothing new, and is linked with nothing.

    Args:
        source: a date in one of the forms.
        target: its ISO date.

    Raises:
        ValueError: if the source is no form of the target.

    Example:
        >>> gold = date_links("9/27/94", "1994-09-27")
        >>> sorted(gold.sure)
        [(0, 6), (2, 8), (3, 9), (5, 2), (6, 3)]
        >>> sorted(source for source, target in gold.possible if target == 0)
        [5, 6]
    """
    match = _SOURCE.fullmatch(source) if source in _ways(target) else None
    if not match:
        raise ValueError(
            "expected a date in one of the forms of `generate_dates`, and its ISO date. "
            f"Received: {source!r} and {target!r}."
        )
    between = [*_places(match, "first"), *_places(match, "second")]
    sure = frozenset(_copied(match))
    rest = [
        *product(between, _HYPHENS),
        *product(_places(match, "name"), _MONTH),
        *_zero(match, "month", "first", _MONTH),
        *_zero(match, "day", "second", _DAY),
    ]
    if len(match["year"]) == 2:
        rest += product(_places(match, "year"), _CENTURY)
    return GoldAlignment(sure, sure | frozenset(rest))


def _ways(target: str) -> tuple[str, ...]:
    try:
        day = date.fromisoformat(target)
    except ValueError:
        return ()
    return write_every_way(day) if day.isoformat() == target else ()


def _places(match: re.Match[str], part: str) -> range:
    return range(*match.span(part)) if match[part] else range(0)


def _copied(match: re.Match[str]) -> Iterator[_Link]:
    """Each digit with its own, both counted from the right."""
    for part, targets in (("year", _YEAR), ("month", _MONTH), ("day", _DAY)):
        yield from zip(reversed(_places(match, part)), reversed(targets), strict=False)


def _zero(match: re.Match[str], part: str, end: str, targets: range) -> Iterable[_Link]:
    """What the zero before a one-digit number can have come from."""
    digits = _places(match, part)
    return product((*digits, *_places(match, end)), targets[:1]) if len(digits) == 1 else ()
