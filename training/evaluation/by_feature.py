"""Quality for each value of a source feature, such as each language, and the mean of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from keras_attention.text.source_features import SourceFeatures

from .evaluate import Evaluation

MOST_VALUES = 50
"""Features with more values than this are not reported."""

MEAN = "(mean)"
"""The name of the mean over the values, in which every value counts the same."""


@dataclass(frozen=True)
class FeatureGroups:
    """The pairs with each value of a source feature.

    Attributes:
        name: the feature's name.
        positions: for each value, the positions of the pairs whose source has it.
    """

    name: str
    positions: dict[str, list[int]]

    def scores(self, evaluation: Evaluation, metric: str, **options: Any) -> dict[str, float]:
        """Return the metric on the pairs with each value, and the mean of these numbers as `MEAN`.

        Example:
            >>> outcomes = (("<to=a> x", "y", "y"), ("<to=b> x", "z", "y"), ("<to=b> v", "w", "w"))
            >>> evaluation = Evaluation(outcomes)
            >>> (groups,) = group_by_features(evaluation.sources)
            >>> groups.scores(evaluation, "exact_match")
            {'a': 1.0, 'b': 0.5, '(mean)': 0.75}
        """
        found = {
            value: evaluation.at(positions).score(metric, **options).value
            for value, positions in self.positions.items()
        }
        return {**found, MEAN: fmean(found.values())}


def group_by_features(sources: Sequence[str]) -> Iterator[FeatureGroups]:
    """Group pairs by the values of each feature that all sources carry.

    Features with a single value or with more than `MOST_VALUES` are left out.
    """
    features = SourceFeatures.find(sources)
    for name, values in features.to_json().items():
        if 1 < len(values) <= MOST_VALUES:
            positions: dict[str, list[int]] = {value: [] for value in values}
            for position, source in enumerate(sources):
                positions[str(features.values_of(source)[name])].append(position)
            yield FeatureGroups(name, positions)
