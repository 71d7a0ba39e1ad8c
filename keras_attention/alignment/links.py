"""Which tokens belong together: hard links, their text form, and how good they are."""

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

NO_LINKS: Links = frozenset()

HIGH_ERROR = 0.25
"""Weights with an alignment error rate over this do not align well: of the links found and those
that are sure, counted together, over a quarter is wrong or missing."""

_LINK = re.compile(r"([0-9]{1,9})([-p?])([0-9]{1,9})")


@dataclass(frozen=True)
class GoldAlignment:
    """What is right for one pair (Och and Ney 2003, section 6).

    Attributes:
        sure: links that must be found.
        possible: links that may be found, the sure ones among them.

    Raises:
        ValueError: if a sure link is not possible.

    Example:
        >>> GoldAlignment(frozenset({(0, 1)}), frozenset({(0, 0), (0, 1)})).sure
        frozenset({(0, 1)})

    Reference:
        https://aclanthology.org/J03-1002
    """

    sure: Links
    possible: Links

    def __post_init__(self) -> None:
        """Checks that what is sure is possible too."""
        if missing := self.sure - self.possible:
            raise ValueError(f"`possible` must hold every sure link. Received: {min(missing)} not.")


@dataclass(frozen=True)
class AlignmentQuality:
    """How good the links of all pairs together are (Och and Ney 2003, section 6).

        precision = |A and P| / |A|,  recall = |A and S| / |S|
        AER = 1 - (|A and S| + |A and P|) / (|A| + |S|)

    with A what was found, S what is sure and P what is possible. Nothing is wrong where nothing was
    found, and nothing is missing where nothing is sure: then precision or recall is 1, and AER 0
    where both hold.

    Attributes:
        pairs: number of pairs.
        found: |A|, summed over the pairs.
        sure: |S|.
        found_sure: |A and S|.
        found_possible: |A and P|.
    """

    pairs: int
    found: int
    sure: int
    found_sure: int
    found_possible: int

    @property
    def precision(self) -> float:
        """The share of what was found that is possible."""
        return _share(self.found_possible, self.found)

    @property
    def recall(self) -> float:
        """The share of what is sure that was found."""
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
    """Compares links with what is right, over all pairs.

    Args:
        found: the links of each pair.
        gold: what is right for each.

    Raises:
        ValueError: if there are more of one than of the other.

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
    return AlignmentQuality(*map(sum, zip(*counts, strict=True))) if counts else _NOTHING


def hard_links(
    weights: npt.ArrayLike, threshold: float | None = None, *, ended: bool = True
) -> Links:
    """The links that weights stand for, those to and from `</s>` left out.

    Args:
        weights: `[T, S]`, a row for each target token, a column for each source token; the last
            column is the source's `</s>`.
        threshold: link a target token with every source token of at least this weight, over 0 and
            at most 1. Default: with that of the largest weight alone, and with none where that is
            `</s>`, or no weight is over 0.
        ended: whether the last row is `</s>` too; an output that reached the length limit has none.

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
    """Checks that a threshold is one.

    Raises:
        InputError: if it is out of range.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"{name} must be over 0 and at most 1. Received: {threshold}.")


def format_links(sure: Links, possible: Links = NO_LINKS) -> str:
    """A line of a Pharaoh file, in the order of the target: `i-j` is source i and target j.

    Args:
        sure: written `i-j`.
        possible: written `ipj` where they are not sure.

    Example:
        >>> format_links(frozenset({(2, 0), (0, 1)}), frozenset({(0, 1), (1, 1)}))
        '2-0 0-1 1p1'
    """
    ordered = sorted(sure | possible, key=lambda link: link[::-1])
    return " ".join(f"{i}{'-' if (i, j) in sure else 'p'}{j}" for i, j in ordered)


def parse_links(line: str) -> GoldAlignment:
    """Reads a line of a Pharaoh file: `i-j` is sure; `ipj` or `i?j` is possible only.

    Args:
        line: links with spaces between, positions counted from 0, the source's first; or nothing.

    Raises:
        ValueError: if a link has another form.

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
                "expected links such as 0-2, or 0p2 where one is possible only. "
                f"Received: {text[:40]!r}."
            )
        source, kind, target = match.groups()
        links[kind == "-"].add((int(source), int(target)))
    return GoldAlignment(frozenset(links[True]), frozenset(links[True] | links[False]))


def read_links(path: str | os.PathLike[str]) -> list[GoldAlignment]:
    """Reads a Pharaoh file, one line a pair, as `parse_links` reads them; a line may be empty.

    Raises:
        InputError: if the file cannot be read, or a line has another form.
    """
    read = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            read.append(parse_links(line))
        except ValueError as error:
            raise InputError(f"{os.fspath(path)}, line {number}: {error}") from None
    return read


def link_words(
    links: Links, source_words: Sequence[int | None], target_words: Sequence[int | None]
) -> Links:
    """Links of words: two are linked where any of their tokens are.

    Args:
        links: those of tokens.
        source_words: the word of each source token, as `Tokenizer.number_words` counts them;
            `None` for white space.
        target_words: that of each target token.

    Example:
        >>> sorted(link_words(frozenset({(0, 0), (1, 2), (2, 1)}), [0, 0, 1], [0, None, 1]))
        [(0, 0), (0, 1)]
    """
    words = ((source_words[i], target_words[j]) for i, j in links)
    return frozenset((i, j) for i, j in words if i is not None and j is not None)


_NOTHING = AlignmentQuality(0, 0, 0, 0, 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
