"""The outputs that are worth a look: lowest metric, lowest confidence, most confident errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.text_metrics import higher_is_better
from .evaluate import Evaluation


def lowest_metric(
    evaluation: Evaluation, metric: str, edits: Sequence[float], most: int, **options: Any
) -> list[int]:
    """Return the indices of the wrong outputs with the worst metric, worst first.

    Args:
        evaluation: the outputs.
        metric: the name of the metric, which scores each output alone.
        edits: the rate of edits of each output, which orders outputs with the same metric.
        most: largest number of indices.
        **options: options of `text_metrics.score`.

    Example:
        >>> evaluation = Evaluation((("a", "x y", "x y"), ("b", "x y", "z"), ("c", "x y", "x z")))
        >>> lowest_metric(evaluation, "exact_match", [0.0, 1.0, 0.5], 5)
        [1, 2]
    """
    sign = 1 if higher_is_better(metric) else -1
    values = [sign * value for value in evaluation.score_each(metric, **options)]
    wrong = [place for place, rate in enumerate(edits) if rate]

    def badness(place: int) -> tuple[float, float]:
        value = values[place]
        return (-math.inf if math.isnan(value) else value, -edits[place])

    return sorted(wrong, key=badness)[:most]


def least_confident(values: npt.ArrayLike, most: int) -> list[int]:
    """Return the indices of the outputs with the lowest confidence, lowest first."""
    return np.argsort(np.asarray(values, "float64"), kind="stable")[:most].tolist()


def confident_errors(values: npt.ArrayLike, right: npt.ArrayLike, most: int) -> list[int]:
    """Return the indices of the wrong outputs with the highest confidence, highest first.

    Example:
        >>> confident_errors([0.9, 0.2, 0.8], [True, False, False], 5)
        [2, 1]
    """
    wrong = np.flatnonzero(~np.asarray(right, bool))
    ordered = np.argsort(-np.asarray(values, "float64")[wrong], kind="stable")
    return wrong[ordered][:most].tolist()
