"""Gold alignments between the characters of a date and of its ISO date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import product

from keras_attention.alignment.links import GoldAlignment

from .dates import write_all_forms

_SOURCE = re.compile(
    r"(?:[A-Za-z]+, )?(?:(?P<name>[A-Za-z]+)|(?P<month>[0-9]{1,2}))(?P<first> |/)"
    r"(?P<day>[0-9]{1,2})(?P<second>, |/)(?P<year>[0-9]{4}|[0-9]{2})"
)
_CENTURY, _YEAR, _MONTH, _DAY = range(2), range(4), range(5, 7), range(8, 10)
_HYPHENS = 4, 7

_Link = tuple[int, int]


def date_links(source: str, target: str) -> GoldAlignment:
    """Return the gold alignment of a pair from `generate_dates` or from the public file.

    Digits of year, month and day that are copied have sure links. The following characters are
    derived from several source characters, so they have possible links to all of these:

    - the century of a two-digit year: to both digits of that year;
    - the zero of a one-digit month or day: to that digit and to the characters after it, which show
      that it is the only digit;
    - both digits of a month that is written as a name: to every letter of the name;
    - `-`: to the characters between month, day and year.

    A weekday has no links, because it adds no information.

    Example:
        >>> gold = date_links("9/27/94", "1994-09-27")
        >>> sorted(gold.sure)
        [(0, 6), (2, 8), (3, 9), (5, 2), (6, 3)]
        >>> sorted(source for source, target in gold.possible if target == 0)
        [5, 6]
    """
    match = _SOURCE.fullmatch(source) if source in _forms(target) else None
    if not match:
        raise ValueError(
            "expected a date in one of the forms of `generate_dates`, and its ISO date. "
            f"Received: {source!r} and {target!r}."
        )
    separators = [*_places(match, "first"), *_places(match, "second")]
    sure = frozenset(_copied(match))
    rest = [
        *product(separators, _HYPHENS),
        *product(_places(match, "name"), _MONTH),
        *_zero(match, "month", "first", _MONTH),
        *_zero(match, "day", "second", _DAY),
    ]
    if len(match["year"]) == 2:
        rest += product(_places(match, "year"), _CENTURY)
    return GoldAlignment(sure, sure | frozenset(rest))


def _forms(target: str) -> tuple[str, ...]:
    try:
        day = date.fromisoformat(target)
    except ValueError:
        return ()
    return write_all_forms(day) if day.isoformat() == target else ()


def _places(match: re.Match[str], part: str) -> range:
    return range(*match.span(part)) if match[part] else range(0)


def _copied(match: re.Match[str]) -> Iterator[_Link]:
    """Yield the links of copied digits; year, month and day are matched from the right."""
    for part, targets in (("year", _YEAR), ("month", _MONTH), ("day", _DAY)):
        yield from zip(reversed(_places(match, part)), reversed(targets), strict=False)


def _zero(match: re.Match[str], part: str, end: str, targets: range) -> Iterable[_Link]:
    """Return the possible links of the zero in front of a one-digit number."""
    digits = _places(match, part)
    return product((*digits, *_places(match, end)), targets[:1]) if len(digits) == 1 else ()
