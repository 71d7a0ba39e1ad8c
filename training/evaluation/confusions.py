"""Confusions of tokens: the tokens that an output replaces, adds or leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .evaluate import Evaluation

Split = Callable[[str], Sequence[str]]
"""Returns the tokens of a text."""

EXAMPLES = 3
"""Largest number of examples of a confusion."""


class Step(NamedTuple):
    """One step of an alignment of an output with its reference.

    Attributes:
        written: the token of the output; None if the output lacks the reference's token.
        expected: the token of the reference; None if the output's token is extra.
    """

    written: str | None
    expected: str | None

    @property
    def is_edit(self) -> bool:
        """Whether the tokens differ."""
        return self.written != self.expected


@dataclass(frozen=True)
class Confusion:
    """An edit that several outputs have in common.

    Attributes:
        written: the token of the outputs; None if they lack the references' token.
        expected: the token of the references; None if the outputs' token is extra.
        count: how often it occurs.
        examples: indices of the first outputs that have it.
    """

    written: str | None
    expected: str | None
    count: int
    examples: tuple[int, ...]


def align_edits(written: Sequence[str], expected: Sequence[str]) -> list[Step]:
    """Align the tokens of an output with those of its reference, with the fewest edits.

    Edits are insertions, deletions and substitutions. If several alignments have the fewest edits,
    return one with the most equal tokens.

    Example:
        >>> [tuple(step) for step in align_edits("abxd", "acbd")]
        [('a', 'a'), (None, 'c'), ('b', 'b'), ('x', None), ('d', 'd')]

    Reference: Wagner and Fischer 1974, https://doi.org/10.1145/321796.321811
    """
    first = _common_start(written, expected)
    last = _common_start(written[first:][::-1], expected[first:][::-1])
    inner = [tokens[first : len(tokens) - last] for tokens in (written, expected)]
    same = [Step(token, token) for token in written]
    return [*same[:first], *_align(*inner), *same[len(same) - last :]]


def _common_start(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the number of equal tokens at the start."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _align(written: Sequence[str], expected: Sequence[str]) -> list[Step]:
    edit = len(written) + len(expected) + 1
    costs, steps = _costs(written, expected, edit), []
    row, column = len(written), len(expected)
    while row or column:
        here = costs[row, column]
        if row and here == costs[row - 1, column] + edit:
            row -= 1
            steps.append(Step(written[row], None))
        elif column and here == costs[row, column - 1] + edit:
            column -= 1
            steps.append(Step(None, expected[column]))
        else:
            row, column = row - 1, column - 1
            steps.append(Step(written[row], expected[column]))
    return steps[::-1]


def _costs(written: Sequence[str], expected: Sequence[str], edit: int) -> npt.NDArray[np.int64]:
    """Return the least cost of aligning each beginning of `written` with each of `expected`.

    The costs have the shape `[written + 1, expected + 1]`.

    An insertion or a deletion costs `edit`, and a substitution costs `edit + 1`. So, among
    alignments with the same number of edits, the one with the fewest substitutions is the cheapest.
    """
    ids: dict[str, int] = {}
    rows, columns = (
        np.array([ids.setdefault(token, len(ids)) for token in tokens], int)
        for tokens in (written, expected)
    )
    offsets = edit * np.arange(len(columns) + 1)
    table = np.empty((len(rows) + 1, len(columns) + 1), "int64")
    table[0] = offsets
    for number, token in enumerate(rows):
        above = table[number]
        found = above + edit
        found[1:] = np.minimum(found[1:], above[:-1] + (edit + 1) * (columns != token))
        # Each insertion adds `edit`, so the cost at `j` is the least `found[k] + edit * (j - k)`.
        table[number + 1] = np.minimum.accumulate(found - offsets) + offsets
    return table


def align_outputs(evaluation: Evaluation, split: Split) -> list[list[Step]]:
    """Return the alignment of each output with its reference; see `align_edits`."""
    return [align_edits(split(output), split(target)) for _, target, output in evaluation.outcomes]


def count_confusions(alignments: Iterable[Iterable[Step]]) -> list[Confusion]:
    """Count the edits from outputs to references, most frequent first.

    Example:
        >>> texts = [("x z", "x y"), ("z", "y"), ("x x", "x")]
        >>> alignments = [align_edits(one.split(), other.split()) for one, other in texts]
        >>> [(each.written, each.expected, each.count) for each in count_confusions(alignments)]
        [('z', 'y', 2), ('x', None, 1)]
    """
    places: dict[Step, list[int]] = defaultdict(list)
    for place, steps in enumerate(alignments):
        for step in steps:
            if step.is_edit:
                places[step].append(place)
    ordered = sorted(places.items(), key=lambda item: -len(item[1]))
    return [
        Confusion(*step, len(found), tuple(dict.fromkeys(found))[:EXAMPLES])
        for step, found in ordered
    ]


def edit_rate(steps: Sequence[Step]) -> float:
    """Return the edits of an output, divided by the tokens of its reference (at least 1)."""
    expected = sum(step.expected is not None for step in steps)
    return sum(step.is_edit for step in steps) / max(1, expected)
