"""Tasks made in memory whose sources can have any length, and whose alignment is known.

- `copy`: letters, and the same letters; the target's token i is the source's token i.
- `reverse`: letters, and the same from the end; token i of n is the source's token n - 1 - i.
- `date-sentences`: words with a date somewhere among them, `so we May 6, 2001 again`, and the same
  words with the date as year, month and day, `so we 2001 05 06 again`. Words are tokens, so that a
  long sentence is cheap; the year is a word of its own, which a model can have seen before. All of
  the sentence is written, because an output that does not grow with its input asks nothing of a
  fixed vector. Dates are written as in `dates`, but for `9/27/94`, which would be one word.

A source's length is uniform in the range that is asked for, counted in tokens without `</s>`.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from keras_attention.alignment.links import Links

from .dates import FIRST_DAY, FORMS, LAST_DAY, MONTHS, WEEKDAYS, write_every_way

CARRIERS = (
    "the a this that we they you she he it was is will be had has not then so but and or if as "
    "at on in by to from with about again never always often before after until because letter "
    "train house river garden music answer question old new long short good late early"
).split()
_DATE_FORMS = tuple(form for form in FORMS if not form.write(FIRST_DAY)[0].isdigit())
_MONTH_KEYS = [name[:3].lower() for name in MONTHS]
_WEEKDAY_KEYS = [f"{name.lower()}," for name in WEEKDAYS]
_LONGEST_DATE = 4


class Task(NamedTuple):
    """One kind of pairs: how one of a length is made, a source's links and target, and its tokens.

    `target` raises `ValueError` for what is no source of the task.
    """

    make: Callable[[random.Random, int], tuple[str, str]]
    links: Callable[[str], Links]
    target: Callable[[str], str]
    shortest: int
    tokenizer: str


def generate(
    name: str, size: int, seed: int, *, shortest: int, longest: int
) -> list[tuple[str, str]]:
    """Makes pairs of a task; the same arguments make the same pairs.

    Args:
        name: one of `TASKS`.
        size: number of pairs, at least 0.
        seed: seed of lengths and contents.
        shortest: least tokens of a source, at least the task's `shortest`.
        longest: most tokens of a source.

    Returns:
        `size` pairs (source, target); one may come more than once.

    Raises:
        ValueError: if `size` is negative or the lengths are none that the task has.

    Example:
        >>> generate("reverse", 2, seed=1, shortest=3, longest=4)
        [('oub', 'buo'), ('mlq', 'qlm')]
    """
    task = TASKS[name]
    if size < 0:
        raise ValueError(f"`size` must be at least 0. Received: size={size}.")
    if not task.shortest <= shortest <= longest:
        raise ValueError(
            f"`shortest` must be at least {task.shortest} for {name}, and not above `longest`. "
            f"Received: shortest={shortest}, longest={longest}."
        )
    rng = random.Random(seed)
    return [task.make(rng, rng.randint(shortest, longest)) for _ in range(size)]


def links(name: str, source: str, target: str) -> Links:
    """Which tokens of a task's pair belong together.

    A word of a date is linked with what it says: the month's name with the month's number. A
    weekday says nothing that is written.

    Args:
        name: one of `TASKS`.
        source: a source that `generate` made.
        target: its target.

    Raises:
        ValueError: if the task makes no such pair.

    Example:
        >>> sorted(links("date-sentences", "so we May 6, 2001 again", "so we 2001 05 06 again"))
        [(0, 0), (1, 1), (2, 3), (3, 4), (4, 2), (5, 5)]
    """
    task = TASKS[name]
    if task.target(source) != target:
        raise ValueError(f"expected a pair of {name}. Received: {source!r} and {target!r}.")
    return task.links(source)


def _letters(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=length))


def _make_copy(rng: random.Random, length: int) -> tuple[str, str]:
    source = _letters(rng, length)
    return source, source


def _make_reverse(rng: random.Random, length: int) -> tuple[str, str]:
    source = _letters(rng, length)
    return source, _reversed(source)


def _make_sentence(rng: random.Random, length: int) -> tuple[str, str]:
    day = date.fromordinal(rng.randint(FIRST_DAY.toordinal(), LAST_DAY.toordinal()))
    (form,) = rng.choices(_DATE_FORMS, weights=[form.share for form in _DATE_FORMS])
    written = form.write(day).split()
    carriers = rng.choices(CARRIERS, k=length - len(written))
    place = rng.randint(0, len(carriers))
    before, after = carriers[:place], carriers[place:]
    meant = day.isoformat().split("-")
    return " ".join([*before, *written, *after]), " ".join([*before, *meant, *after])


def _reversed(source: str) -> str:
    return source[::-1]


def _sentence_target(source: str) -> str:
    """The words with the date as year, month and day; `ValueError` where there is no date."""
    words = source.split()
    begin, month = _find_date(words)
    end = month + 3
    _, day, year = words[month:end]
    number = _MONTH_KEYS.index(words[month][:3].lower()) + 1
    meant = date(int(year), number, int(day.rstrip(",")))
    if " ".join(words[begin:end]) not in write_every_way(meant):
        raise ValueError(f"expected a date as `dates` writes it. Received: {source!r}.")
    return " ".join([*words[:begin], *meant.isoformat().split("-"), *words[end:]])


def _find_date(words: Sequence[str]) -> tuple[int, int]:
    """Where the date of a sentence begins, and where its month stands."""
    # Carriers are written in lower case, and none begins as a month does.
    months = [n for n, word in enumerate(words) if word[:3].lower() in _MONTH_KEYS]
    if not months:
        raise ValueError(f"expected a month. Received: {' '.join(words)!r}.")
    weekdays = sum(word.lower() in _WEEKDAY_KEYS for word in words)
    return months[0] - weekdays, months[0]


def _copy_links(source: str) -> Links:
    return _diagonal(range(len(source)))


def _reverse_links(source: str) -> Links:
    return frozenset((len(source) - 1 - i, i) for i in range(len(source)))


def _sentence_links(source: str) -> Links:
    words = source.split()
    begin, month = _find_date(words)
    shift, year = month - begin, month + 2
    after = range(year + 1, len(words))
    date_links = {(year, begin), (month, begin + 1), (month + 1, begin + 2)}
    return frozenset(date_links | _diagonal(range(begin)) | {(n, n - shift) for n in after})


def _diagonal(places: Iterable[int]) -> Links:
    return frozenset((n, n) for n in places)


TASKS = {
    "copy": Task(_make_copy, _copy_links, str, 1, "character"),
    "reverse": Task(_make_reverse, _reverse_links, _reversed, 1, "character"),
    "date-sentences": Task(
        _make_sentence, _sentence_links, _sentence_target, _LONGEST_DATE, "word"
    ),
}
