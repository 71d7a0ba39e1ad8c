"""Hard links between source and target tokens: Pharaoh files and the alignment error rate."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_lines

Links = frozenset[tuple[int, int]]
"""Pairs (source position, target position), both counted from 0."""

HIGH_ERROR = 0.25
"""The largest alignment error rate that counts as good. At this rate, the wrong links and the
missing sure links together are about a quarter of all found and sure links."""

_LINK = re.compile(r"([0-9]{1,9})([-p?])([0-9]{1,9})")


@dataclass(frozen=True)
class GoldAlignment:
    """The gold alignment of one pair (Och and Ney 2003, section 6).

    Attributes:
        sure: links that must be found.
        possible: links that may be found, including the sure ones.

    Raises:
        ValueError: if a sure link is not in `possible`.

    Example:
        >>> GoldAlignment(frozenset({(0, 1)}), frozenset({(0, 0), (0, 1)})).sure
        frozenset({(0, 1)})

    Reference:
        https://aclanthology.org/J03-1002
    """

    sure: Links
    possible: Links

    def __post_init__(self) -> None:
        """Check that every sure link is also a possible link."""
        if missing := self.sure - self.possible:
            raise ValueError(
                "`possible` must include every sure link. "
                f"Received: the sure link {min(missing)}, which is not in `possible`."
            )


@dataclass(frozen=True)
class AlignmentQuality:
    """Precision, recall and error rate of links, over all pairs (Och and Ney 2003, section 6).

        precision = |A and P| / |A|,  recall = |A and S| / |S|
        AER = 1 - (|A and S| + |A and P|) / (|A| + |S|)

    where A is the found links, S the sure links and P the possible links. Precision is 1 if A is
    empty, recall is 1 if S is empty, and AER is 0 if both are empty.

    Attributes:
        pairs: number of pairs.
        found: |A|, summed over the pairs.
        sure: |S|, summed over the pairs.
        found_sure: |A and S|, summed over the pairs.
        found_possible: |A and P|, summed over the pairs.
    """

    pairs: int
    found: int
    sure: int
    found_sure: int
    found_possible: int

    @property
    def precision(self) -> float:
        """The share of the found links that are possible."""
        return _share(self.found_possible, self.found)

    @property
    def recall(self) -> float:
        """The share of the sure links that were found."""
        return _share(self.found_sure, self.sure)

    @property
    def error(self) -> float:
        """The alignment error rate, from 0 to 1."""
        return 1 - _share(self.found_sure + self.found_possible, self.found + self.sure)

    @property
    def is_good(self) -> bool:
        """Whether the error rate is at most `HIGH_ERROR`."""
        return self.error <= HIGH_ERROR


def measure_alignments(found: Iterable[Links], gold: Iterable[GoldAlignment]) -> AlignmentQuality:
    """Compare links with gold alignments, over all pairs.

    Args:
        found: the found links of each pair.
        gold: the gold alignment of each pair.

    Raises:
        ValueError: if `found` and `gold` differ in length.

    Example:
        >>> gold = GoldAlignment(frozenset({(0, 0)}), frozenset({(0, 0), (1, 0)}))
        >>> quality = measure_alignments([frozenset({(1, 0), (1, 1)})], [gold])
        >>> quality.precision, quality.recall, round(quality.error, 4)
        (0.5, 0.0, 0.6667)
    """
    counts = [
        (1, len(links), len(right.sure), len(links & right.sure), len(links & right.possible))
        for links, right in zip(found, gold, strict=True)
    ]
    return AlignmentQuality(*map(sum, zip(*counts, strict=True))) if counts else _NO_PAIRS


def hard_links(
    weights: npt.ArrayLike, threshold: float | None = None, *, ended: bool = True
) -> Links:
    """Convert attention weights to links, without the links to and from `</s>`.

    Args:
        weights: `[T, S]`, a row for each target token, a column for each source token; the last
            column is the source's `</s>`.
        threshold: a number in (0, 1]; link a target token with every source token of at least
            this weight. Default `None`: link each target token only with the source token of the
            largest weight, or with no token if that token is `</s>` or all weights are 0.
        ended: whether the last row is the target's `</s>`. An output that reached the length limit
            has no `</s>`. Default `True`.

    Raises:
        InputError: if the threshold is out of range.

    Example:
        >>> weights = [[0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]]
        >>> sorted(hard_links(weights)), sorted(hard_links(weights, threshold=0.2))
        ([(0, 0)], [(0, 0), (1, 0), (1, 1)])
    """
    check_threshold(threshold)
    array = np.asarray(weights)
    if threshold is None:
        linked = np.zeros(array.shape, bool)
        np.put_along_axis(linked, array.argmax(axis=1)[:, np.newaxis], True, axis=1)
        linked &= array > 0
    else:
        linked = array >= threshold
    targets, sources = np.nonzero(linked[: len(linked) - ended, :-1])
    return frozenset(zip(sources.tolist(), targets.tolist(), strict=True))


def check_threshold(threshold: float | None, name: str = "`threshold`") -> None:
    """Check that a threshold is in its range."""
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"{name} must be over 0 and at most 1. Received: {threshold}.")


def format_links(links: Links) -> str:
    """Format links as a line of a Pharaoh file, `i-j` for each, ordered by target position.

    Example:
        >>> format_links(frozenset({(2, 0), (0, 1)}))
        '2-0 0-1'
    """
    return " ".join(f"{i}-{j}" for i, j in sorted(links, key=lambda link: link[::-1]))


def parse_links(line: str) -> GoldAlignment:
    """Parse a line of a Pharaoh file: `i-j` is a sure link; `ipj` and `i?j` are possible links.

    Args:
        line: links separated by spaces, each with its source position first, counted from 0. An
            empty line has no links.

    Raises:
        ValueError: if a link is malformed.

    Example:
        >>> gold = parse_links("0-0 1-2 2p1")
        >>> sorted(gold.sure), sorted(gold.possible)
        ([(0, 0), (1, 2)], [(0, 0), (1, 2), (2, 1)])
    """
    links: dict[bool, set[tuple[int, int]]] = {True: set(), False: set()}
    for text in line.split():
        match = _LINK.fullmatch(text)
        if not match:
            raise ValueError(
                "expected links such as 0-2, or 0p2 for a link that is only possible. "
                f"Received: {text[:40]!r}."
            )
        source, kind, target = match.groups()
        links[kind == "-"].add((int(source), int(target)))
    return GoldAlignment(frozenset(links[True]), frozenset(links[True] | links[False]))


def read_links(path: str | os.PathLike[str]) -> list[GoldAlignment]:
    """Read a Pharaoh file, which has one line per pair, as `parse_links` reads it.

    Raises:
        InputError: if the file cannot be read, or a line is malformed.
    """
    gold = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            gold.append(parse_links(line))
        except ValueError as error:
            raise InputError(f"{os.fspath(path)}, line {number}: {error}") from None
    return gold


def link_words(
    links: Links, source_words: Sequence[int | None], target_words: Sequence[int | None]
) -> Links:
    """Convert links of tokens to links of words: two words are linked if any of their tokens are.

    Args:
        links: links of tokens.
        source_words: the word number of each source token, from `Tokenizer.number_words`; `None`
            for white space.
        target_words: the word number of each target token.

    Example:
        >>> sorted(link_words(frozenset({(0, 0), (1, 2), (2, 1)}), [0, 0, 1], [0, None, 1]))
        [(0, 0), (0, 1)]
    """
    words = ((source_words[i], target_words[j]) for i, j in links)
    return frozenset((i, j) for i, j in words if i is not None and j is not None)


_NO_PAIRS = AlignmentQuality(0, 0, 0, 0, 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
