"""Quality by the frequency of a source's rarest token in the training pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .evaluate import Evaluation

Split = Callable[[str], Sequence[str]]
"""Returns the tokens of a text."""

EXAMPLES = 5
"""Largest number of rare tokens that a row names."""

_FIRST = (0, 1, 10, 100, 1000, 10_000)
"""The smallest frequency of each row. The last row has no upper bound."""


@dataclass(frozen=True)
class FrequencyRow:
    """The metrics on the pairs whose rarest source token has a frequency in one range.

    Attributes:
        first: the smallest frequency.
        last: the largest frequency; None without an upper bound.
        count: the number of pairs.
        values: the value of each metric on these pairs, by the metric's name.
        examples: the rarest tokens of these sources; those of the most sources come first.
    """

    first: int
    last: int | None
    count: int
    values: dict[str, float]
    examples: tuple[str, ...]

    @property
    def label(self) -> str:
        """The range of frequencies as text."""
        if self.last is None:
            return f"{self.first:,} or more"
        return f"{self.first:,}" if self.first == self.last else f"{self.first:,}–{self.last:,}"


def count_tokens(sources: Iterable[str], split: Split) -> Counter[str]:
    """Return how often each token occurs in texts."""
    counts: Counter[str] = Counter()
    for source in sources:
        counts.update(split(source))
    return counts


def rows_by_frequency(
    evaluation: Evaluation,
    frequencies: Mapping[str, int],
    split: Split,
    metrics: Sequence[str],
    **options: Any,
) -> list[FrequencyRow]:
    """Score pairs in groups, by how frequent the rarest token of their source is.

    Args:
        evaluation: the outputs; pairs whose source has no tokens are left out.
        frequencies: how often each token occurs in the training sources.
        split: returns the tokens of a source.
        metrics: names of metrics.
        **options: options of `text_metrics.score`.

    Returns:
        A row for each range of frequencies that has pairs, rarest first.

    Example:
        >>> evaluation = Evaluation((("a b", "x", "x"), ("a c", "y", "x")))
        >>> rows = rows_by_frequency(evaluation, {"a": 20, "b": 3}, str.split, ["exact_match"])
        >>> [(row.label, row.count, row.values["exact_match"], row.examples) for row in rows]
        [('0', 1, 0.0, ('c',)), ('1–9', 1, 1.0, ('b',))]
    """
    rarest = []
    for source in evaluation.sources:
        tokens = split(source)
        rarest.append(min(tokens, key=lambda token: frequencies.get(token, 0), default=None))
    rows = []
    for first, after in zip(_FIRST, [*_FIRST[1:], None], strict=True):
        places = [
            place
            for place, token in enumerate(rarest)
            if token is not None
            and first <= frequencies.get(token, 0)
            and (after is None or frequencies.get(token, 0) < after)
        ]
        if places:
            part = evaluation.at(places)
            values = {name: part.score(name, **options).value for name in metrics}
            common = Counter(str(rarest[place]) for place in places).most_common(EXAMPLES)
            last = None if after is None else after - 1
            examples = tuple(token for token, _ in common)
            rows.append(FrequencyRow(first, last, len(places), values, examples))
    return rows
