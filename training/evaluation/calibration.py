"""Calibration: are 90 % of the outputs with a confidence of 90 % right?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.confidence import COOLEST, HOTTEST, bounded, confidences

Floats: TypeAlias = npt.NDArray[np.float64]

BINS = 10
"""Number of bins of equal width over [0, 1]."""

_HALVINGS = 60
_SEED = 0


@dataclass(frozen=True)
class Bin:
    """The outputs whose confidences lie in one interval.

    Attributes:
        low: lower bound of the interval.
        high: upper bound, exclusive except in the last bin.
        count: number of outputs.
        confidence: their mean confidence; NaN if there are none.
        accuracy: the share of them that are right; NaN if there are none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The calibration of a model before and after temperature scaling.

    Attributes:
        temperature: the temperature that fits all outputs; 1 if none could be fitted.
        fitted: whether a temperature was fitted, which requires right and wrong outputs.
        before: the confidences with a temperature of 1, `[N]`.
        after: the confidences with a temperature that was fitted to the other half of the outputs,
            `[N]`, so that no output is judged by a temperature that it helped to choose.
        right: whether each output is right, `[N]`.
    """

    temperature: float
    fitted: bool
    before: Floats
    after: Floats
    right: npt.NDArray[np.bool_]


def calibrate(per_token: npt.ArrayLike, right: npt.ArrayLike) -> Calibration:
    """Fit a temperature to outputs, and compute the confidences before and after.

    Args:
        per_token: the score of each output, divided by its number of tokens, `[N]`.
        right: whether each output equals its reference, `[N]`.

    Example:
        >>> found = calibrate(np.log([0.9] * 8), [True, True, True, False] * 2)
        >>> round(0.9 ** (1 / found.temperature), 2), round(float(found.before[0]), 2)
        (0.75, 0.9)
    """
    values, labels = np.asarray(per_token, "float64"), np.asarray(right, bool)
    order = np.random.default_rng(_SEED).permutation(len(values))
    halves = order[::2], order[1::2]
    after = np.empty(len(values))
    for own, other in (halves, halves[::-1]):
        after[own] = confidences(values[own], fit_temperature(values[other], labels[other]) or 1.0)
    temperature = fit_temperature(values, labels)
    before = confidences(values)
    return Calibration(temperature or 1.0, temperature is not None, before, after, labels)


def fit_temperature(per_token: npt.ArrayLike, right: npt.ArrayLike) -> float | None:
    """Return the temperature with the smallest negative log-likelihood of right and wrong outputs.

    The loss is `-mean(y log c + (1 - y) log(1 - c))`, with `y` = 1 for a right output and its
    confidence `c`. It is convex in 1 / temperature, so halving an interval finds the zero of its
    derivative.

    Args:
        per_token: the score of each output, divided by its number of tokens, `[N]`.
        right: whether each output is right, `[N]`.

    Returns:
        The temperature, in [0.02, 50]; None unless there are both right and wrong outputs.

    Reference: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    values, labels = bounded(per_token), np.asarray(right, bool)
    values, labels = values[np.isfinite(values)], labels[np.isfinite(values)]
    hits, misses = values[labels], values[~labels]
    if not (len(hits) and len(misses)):
        return None

    def slope(inverse: float) -> float:
        """Return the derivative of the summed loss with respect to 1 / temperature."""
        with np.errstate(over="ignore"):
            return float(np.sum(misses / np.expm1(-inverse * misses)) - np.sum(hits))

    low, high = 1 / HOTTEST, 1 / COOLEST
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return min(max(1 / low, COOLEST), HOTTEST)


def reliability(values: npt.ArrayLike, right: npt.ArrayLike, bins: int = BINS) -> list[Bin]:
    """Compare confidence and accuracy in bins of equal width over [0, 1].

    Args:
        values: the confidences, `[N]`.
        right: whether each output is right, `[N]`.
        bins: number of bins.

    Example:
        >>> first, second = reliability([0.2, 0.9, 0.7], [False, True, False], bins=2)
        >>> first.count, second.count, second.accuracy
        (1, 2, 0.5)
    """
    confidence, labels = np.asarray(values, "float64"), np.asarray(right, "float64")
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for place in range(bins):
        inside = places == place
        count = int(inside.sum())
        means = (float(each[inside].mean()) if count else np.nan for each in (confidence, labels))
        rows.append(Bin(place / bins, (place + 1) / bins, count, *means))
    return rows


def calibration_error(rows: list[Bin]) -> float:
    """Return the expected calibration error of the bins of `reliability`; NaN without outputs.

    It is the mean of `|confidence - accuracy|` over bins, weighted by their counts.

    Example:
        >>> calibration_error(reliability([0.8, 0.8], [True, False]))
        0.30000000000000004

    Reference: Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3
    """
    count = sum(row.count for row in rows)
    gaps = (row.count * abs(row.confidence - row.accuracy) for row in rows if row.count)
    return sum(gaps) / count if count else float("nan")


def log_loss(values: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Return the mean negative log-likelihood of right and wrong outputs, in nats."""
    confidence, labels = np.asarray(values, "float64"), np.asarray(right, bool)
    with np.errstate(divide="ignore"):
        return float(-np.mean(np.where(labels, np.log(confidence), np.log1p(-confidence))))
