"""Quality of confident outputs, if a person checks the others, and the choice of a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""The shares of outputs left to a person; the table has a row for each."""

_NORMAL_95 = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Kept:
    """The outputs that remain after the least confident ones are left to a person.

    Attributes:
        share: the share that is left to a person, in [0, 1].
        threshold: the smallest confidence of the remaining outputs.
        places: the indices of the remaining outputs, most confident first.
    """

    share: float
    threshold: float
    places: tuple[int, ...]


@dataclass(frozen=True)
class Acceptance:
    """A threshold, and the outputs whose confidence reaches it.

    Attributes:
        accuracy: the accuracy that was requested.
        threshold: the smallest confidence that is accepted.
        count: number of accepted outputs.
        right: number of accepted outputs that are right.
        interval: the 95 % interval of `right / count`; see `wilson_interval`.
    """

    accuracy: float
    threshold: float
    count: int
    right: int
    interval: tuple[float, float]

    @property
    def shown(self) -> str:
        """The threshold with four decimals, rounded down so that it accepts the same outputs."""
        return f"{math.floor(1e4 * self.threshold) / 1e4:.4f}"

    def shown_with(self, fitted: float, used: float) -> str:
        """Return the threshold for confidences with another temperature, rounded down.

        Many such confidences are very close to 0 or 1, so the distance from the nearer of these two
        has four significant digits.

        Example:
            >>> Acceptance(1.0, 0.81, 2, 2, (0.3, 1.0)).shown_with(fitted=0.5, used=1.0)
            '0.9000'
        """
        if used == fitted:
            return self.shown
        value = self.threshold ** (fitted / used)
        room = min(value, 1 - value)
        digits = min(max(4, 3 - math.floor(math.log10(room))), 12) if room > 0 else 12
        return f"{math.floor(10**digits * value) / 10**digits:.{digits}f}"


def by_confidence(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the indices of outputs, most confident first; equal ones keep their order."""
    order: npt.NDArray[np.int64] = np.argsort(-np.asarray(values, "float64"), kind="stable")
    return order


def keep_confident(values: npt.ArrayLike, shares: Sequence[float] = SHARES) -> list[Kept]:
    """Return the outputs that remain for each share that is left to a person.

    A share is rounded to whole outputs. At least one output remains.

    Example:
        >>> [(kept.places, kept.threshold) for kept in keep_confident([0.2, 0.9, 0.5], (0, 0.34))]
        [((1, 2, 0), 0.2), ((1, 2), 0.5)]
    """
    confidence, order = np.asarray(values, "float64"), by_confidence(values)
    rows = []
    for share in shares:
        places = order[: max(1, len(order) - round(share * len(order)))]
        rows.append(Kept(share, float(confidence[places[-1]]), tuple(places.tolist())))
    return rows


def kept_accuracy(values: npt.ArrayLike, right: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the accuracy of the `n` most confident of `N` outputs, for `n` from 1 to `N`."""
    hits = np.cumsum(np.asarray(right, "float64")[by_confidence(values)])
    accuracy: npt.NDArray[np.float64] = hits / np.arange(1, len(hits) + 1)
    return accuracy


def find_threshold(
    values: npt.ArrayLike, right: npt.ArrayLike, accuracy: float | None = None
) -> Acceptance | None:
    """Return the smallest threshold whose accepted outputs have the requested accuracy.

    This threshold accepts as many outputs as possible. Outputs of equal confidence are accepted
    together.

    Args:
        values: the confidences, `[N]`, at least one.
        right: whether each output is right, `[N]`.
        accuracy: the requested share of right outputs, in [0, 1]. Default: halfway from the
            accuracy of all outputs to 1, which halves the error rate.

    Returns:
        The threshold, or None if no threshold reaches the accuracy.

    Example:
        >>> found = find_threshold([0.9, 0.8, 0.7, 0.1], [True, True, False, False], 0.6)
        >>> found.threshold, found.count, found.right
        (0.7, 3, 2)
    """
    confidence, labels = np.asarray(values, "float64"), np.asarray(right, bool)
    if accuracy is None:
        accuracy = (1 + float(labels.mean())) / 2
    order = by_confidence(confidence)
    ordered = confidence[order]
    ends = np.append(ordered[1:] < ordered[:-1], True)  # equal confidences are not split
    enough = np.flatnonzero(ends & (kept_accuracy(confidence, labels) >= accuracy))
    if not len(enough):
        return None
    count = int(enough[-1]) + 1
    hits = int(labels[order[:count]].sum())
    threshold = float(ordered[count - 1])
    return Acceptance(accuracy, threshold, count, hits, wilson_interval(hits, count))


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was estimated from `count` outputs.

    Example:
        >>> low, high = wilson_interval(98, 100)
        >>> round(low, 3), round(high, 3)
        (0.93, 0.994)

    Reference: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    share, square = hits / count, _NORMAL_95**2
    middle = share + square / (2 * count)
    half = _NORMAL_95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    scale = 1 + square / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
