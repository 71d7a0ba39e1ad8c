"""Paired bootstrap resampling, which tests whether two systems differ by more than chance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .metric_kinds import Floats, Ratio, Sacrebleu, Score, Texts, columns
from .text_metrics import References, as_lists, make_metric

SAMPLES, SEED = 1000, 12345
"""The defaults of sacrebleu."""

_SEED_VARIABLE = "SACREBLEU_SEED"


@dataclass(frozen=True)
class PairedDifference:
    """The scores of two systems on the same lines, and the significance of their difference.

    Attributes:
        first: the score of the first system.
        second: the score of the second system.
        p_value: probability of a difference at least as large by chance, in (0, 1]; a difference is
            usually called significant below 0.05.
        samples: number of resamples.
        seed: seed of the resamples.
    """

    first: Score
    second: Score
    p_value: float
    samples: int
    seed: int

    @property
    def difference(self) -> float:
        """The second value minus the first; whether more is better depends on the metric."""
        return self.second.value - self.first.value


def paired_bootstrap(
    name: str,
    first: Texts,
    second: Texts,
    references: References,
    sources: Texts | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
    **options: Any,
) -> PairedDifference:
    """Compare the outputs of two systems by paired bootstrap resampling.

    Each resample draws lines with replacement, the same lines for both systems, and computes the
    metric again. The p-value is the share of resamples in which the difference deviates from its
    mean by more than the observed difference. Sacrebleu computes it for its metrics; for the other
    metrics, this module does the same.

    Args:
        name: the name of a metric.
        first: the outputs of one system.
        second: the outputs of the other system for the same lines.
        references: the accepted texts of each line; see `score`.
        sources: the sources; see `score`.
        samples: number of resamples, at least 1.
        seed: seed of the resamples, at least 1.
        **options: options of `score`.

    Example:
        >>> right, wrong = ["a"] * 50, ["a"] * 30 + ["b"] * 20
        >>> paired = paired_bootstrap("exact_match", right, wrong, right)
        >>> paired.difference, paired.p_value < 0.01
        (-0.4, True)

    Reference:
        https://aclanthology.org/W04-3250
    """
    if samples < 1 or seed < 1:  # for sacrebleu, 0 means no seed
        raise ValueError(
            f"`samples` and `seed` must be at least 1. Received: samples={samples}, seed={seed}."
        )
    metric = make_metric(name, **options)
    accepted = as_lists(first, references, sources)
    as_lists(second, references, sources)
    scores = [metric.score(system, accepted, sources) for system in (first, second)]
    if scores[0].value == scores[1].value:  # otherwise, equal scores would count as significant
        p_value = 1.0
    elif isinstance(metric, Ratio):
        counts = [metric.counts(system, accepted, sources) for system in (first, second)]
        p_value = _resample(metric, counts, samples, seed)
    else:
        p_value = _resample_by_sacrebleu(metric, first, second, columns(accepted), samples, seed)
    return PairedDifference(scores[0], scores[1], p_value, samples, seed)


def _resample(metric: Ratio, counts: Sequence[Floats], samples: int, seed: int) -> float:
    lines, rng = len(counts[0]), np.random.default_rng(seed)

    def difference(rows: Any) -> float:
        values = [metric.ratio(system[rows].sum(axis=0)) for system in counts]
        return abs(values[1] - values[0])

    drawn = np.array([difference(rng.integers(lines, size=lines)) for _ in range(samples)])
    more = np.sum(drawn - drawn.mean() > difference(slice(None)))
    return float((more + 1) / (samples + 1))


def _resample_by_sacrebleu(
    metric: Sacrebleu, first: Texts, second: Texts, references: Any, samples: int, seed: int
) -> float:
    from sacrebleu.significance import PairedTest

    with _seeded(seed):
        test = PairedTest(
            [("first", list(first)), ("second", list(second))],
            {metric.name: metric.make()},
            references,
            test_type="bs",
            n_samples=samples,
        )
    _, results = test()
    (name,) = set(results) - {"System"}
    return float(results[name][1].p_value)  # type: ignore[union-attr, arg-type]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within the block, set the environment variable from which sacrebleu reads its seed."""
    before = os.environ.get(_SEED_VARIABLE)
    os.environ[_SEED_VARIABLE] = str(seed)
    try:
        yield
    finally:
        del os.environ[_SEED_VARIABLE]
        if before is not None:
            os.environ[_SEED_VARIABLE] = before
