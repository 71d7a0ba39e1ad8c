"""Generated tasks whose sources can have any length and whose alignments are known.

- `copy`: the target is the source, a string of letters. Target token i is source token i.
- `reverse`: the target is the reversed source. Target token i is source token n - 1 - i of n.
- `date-sentences`: the source is a sentence with a date, `so we May 6, 2001 again`. The target has
  the date as year, month and day, `so we 2001 05 06 again`. Tokens are words, so long sentences
  are cheap, and the year is a single word, which a model can learn in training. The target
  repeats the whole sentence, because a fixed vector could easily represent outputs that do not
  grow with the input. Dates have the forms of `dates` except `9/27/94`, which would be one word.

The length of a source is uniform in a given range, counted in tokens without `</s>`.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from keras_attention.alignment.links import Links

from .dates import FIRST_DAY, FORMS, LAST_DAY, MONTHS, WEEKDAYS, write_all_forms

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
    """A task whose pairs are generated.

    Attributes:
        make: generates a pair whose source has a given length.
        links: returns the gold links of a source and its target.
        target: returns the target of a source; raises `ValueError` if it is not a source of the
            task.
        shortest: length of the shortest possible source.
        tokenizer: the kind of tokens that lengths count and links connect.
    """

    make: Callable[[random.Random, int], tuple[str, str]]
    links: Callable[[str], Links]
    target: Callable[[str], str]
    shortest: int
    tokenizer: str


def generate(
    name: str, size: int, seed: int, *, shortest: int, longest: int
) -> list[tuple[str, str]]:
    """Generate pairs of a task; the same arguments generate the same pairs.

    Args:
        name: one of `TASKS`.
        size: number of pairs, at least 0.
        seed: seed of lengths and contents.
        shortest: smallest number of tokens of a source, at least the task's `shortest`.
        longest: largest number of tokens of a source.

    Returns:
        `size` pairs (source, target). A pair can occur more than once.

    Raises:
        ValueError: if `size` is negative, or the range of lengths is empty or too low for the task.

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
    """Return the links between the tokens of a task's pair.

    Each word of a date is linked with its counterpart, such as the name of the month with its
    number. A weekday has no counterpart and no link.

    Args:
        name: one of `TASKS`.
        source: a source of the task.
        target: its target.

    Raises:
        ValueError: if the pair does not belong to the task.

    Example:
        >>> sorted(links("date-sentences", "so we May 6, 2001 again", "so we 2001 05 06 again"))
        [(0, 0), (1, 1), (2, 3), (3, 4), (4, 2), (5, 5)]
    """
    task = TASKS[name]
    if task.target(source) != target:
        raise ValueError(
            f"expected a pair of the task {name!r}. Received: {source!r} and {target!r}."
        )
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
    """Return the sentence with its date as year, month and day."""
    words = source.split()
    begin, month = _find_date(words)
    end = month + 3
    _, day, year = words[month:end]
    number = _MONTH_KEYS.index(words[month][:3].lower()) + 1
    meant = date(int(year), number, int(day.rstrip(",")))
    if " ".join(words[begin:end]) not in write_all_forms(meant):
        raise ValueError(f"expected a date in a form of the task 'dates'. Received: {source!r}.")
    return " ".join([*words[:begin], *meant.isoformat().split("-"), *words[end:]])


def _find_date(words: Sequence[str]) -> tuple[int, int]:
    """Return the positions of the first word and of the month of a sentence's date."""
    # Except in its date, no word of a sentence starts with the first three letters of a month.
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
