"""Gold alignments of the tasks whose pairs are made by rule."""

from __future__ import annotations

from collections.abc import Iterable

from keras_attention.alignment.links import GoldAlignment
from keras_attention.errors import InputError

from .date_links import date_links
from .synthetic import TASKS, links

KNOWN = {"dates": "character", **{name: task.tokenizer for name, task in TASKS.items()}}
"""The tasks, which are values of `data.format`, and the tokens that their links count."""


def known_alignments(task: str, pairs: Iterable[tuple[str, str]]) -> list[GoldAlignment]:
    """What is right for each pair of a task.

    Args:
        task: one of `KNOWN`.
        pairs: sources and targets, as the task makes them.

    Raises:
        InputError: if there is no such task, or it does not make such a pair.

    Example:
        >>> (gold,) = known_alignments("reverse", [("abc", "cba")])
        >>> sorted(gold.sure)
        [(0, 2), (1, 1), (2, 0)]
    """
    if task not in KNOWN:
        raise InputError(f"alignments are known of {', '.join(KNOWN)}. Received: {task!r}.")
    found = []
    for number, (source, target) in enumerate(pairs, start=1):
        try:
            found.append(_known(task, source, target))
        except ValueError:
            raise InputError(
                f"pair {number}: expected one that {task} makes. "
                f"Received: {source!r} and {target!r}."
            ) from None
    return found


def _known(task: str, source: str, target: str) -> GoldAlignment:
    if task == "dates":
        return date_links(source, target)
    right = links(task, source, target)
    return GoldAlignment(right, right)
