"""The task `dates`: dates as people write them, and their ISO dates.

The forms, their shares and the years are the same as in the public file `date.txt` (50,000 dates,
from chapter 8 of "Deep Learning from Scratch 2"): a quarter each of `9/27/94`, `Sep 27, 1994`,
`September 27, 1994` and `Tuesday, September 27, 1994`. Half of the dates with letters are in title
case, a quarter in lower case and a quarter in upper case. Days are between 1970 and 2017, so two
digits are unambiguous: 70 to 99 are 1970 to 1999, 00 to 17 are 2000 to 2017.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2017, 12, 31)

# Written out, because strftime depends on the locale of the machine.
MONTHS = (
    "January February March April May June July August September October November December"
).split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class DateForm(NamedTuple):
    """One form of a date: the function that writes it, and its share in sixteenths."""

    write: Callable[[date], str]
    share: int


def _numeric(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year % 100:02d}"


def _short(day: date) -> str:
    return f"{MONTHS[day.month - 1][:3]} {day.day}, {day.year}"


def _long(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def _with_weekday(day: date) -> str:
    return f"{WEEKDAYS[day.weekday()]}, {_long(day)}"


def _in_three_cases(write: Callable[[date], str]) -> tuple[DateForm, ...]:
    return (
        DateForm(write, 2),
        DateForm(lambda day: write(day).lower(), 1),
        DateForm(lambda day: write(day).upper(), 1),
    )


FORMS = (
    DateForm(_numeric, 4),
    *_in_three_cases(_short),
    *_in_three_cases(_long),
    *_in_three_cases(_with_weekday),
)


def write_all_forms(day: date) -> tuple[str, ...]:
    """Return the day in every form, in the order of `FORMS`."""
    return tuple(form.write(day) for form in FORMS)


def generate_dates(size: int, seed: int) -> list[tuple[str, str]]:
    """Generate pairs of a free-form date and its ISO date; the same seed generates the same pairs.

    Days are uniform between `FIRST_DAY` and `LAST_DAY`. A pair can occur more than once.

    Example:
        >>> generate_dates(2, seed=1)
        [('Sunday, June 13, 1976', '1976-06-13'), ('Sep 5, 2010', '2010-09-05')]
    """
    if size < 0:
        raise ValueError(f"`size` must be at least 0. Received: size={size}.")
    rng = random.Random(seed)
    days = rng.choices(range(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1), k=size)
    forms = rng.choices(FORMS, weights=[form.share for form in FORMS], k=size)
    pairs = []
    for ordinal, form in zip(days, forms, strict=True):
        day = date.fromordinal(ordinal)
        pairs.append((form.write(day), day.isoformat()))
    return pairs
