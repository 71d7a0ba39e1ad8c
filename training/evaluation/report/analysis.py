"""The analysis of a model's errors: everything that the page of `evaluate --report` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.confidence import Confidence, confidences

from ...metrics.metric_kinds import Score
from ..by_frequency import FrequencyRow, Split, rows_by_frequency
from ..calibration import Calibration, calibrate
from ..confusions import Confusion, Step, align_outputs, count_confusions, edit_rate
from ..evaluate import Evaluation
from ..length_report import LengthRow, rows_by_length
from ..rejection import Acceptance, Kept, find_threshold, keep_confident
from ..worst import confident_errors, least_confident, lowest_metric
from .token_form import TokenForm

MOST_SENTENCES = 10
"""Number of sentences in each list."""

EXACT = "exact_match"


@dataclass(frozen=True)
class Question:
    """The settings of a report: its metrics, and how texts are split and compared.

    Attributes:
        metrics: names of metrics; the first one orders the worst sentences.
        options: options of `text_metrics.score`.
        target: how targets are split into tokens.
        accuracy: the share of right outputs that the suggested threshold must reach; None for the
            default of `find_threshold`.
        seen: sources that are also sources of training pairs.
        temperature: the temperature that `translate` uses for the model; None for the fitted
            temperature.
    """

    metrics: Sequence[str]
    target: TokenForm
    options: Mapping[str, Any] = field(default_factory=dict)
    accuracy: float | None = None
    seen: frozenset[str] = frozenset()
    temperature: float | None = None


@dataclass(frozen=True)
class Frequencies:
    """The frequencies of the source tokens in the training pairs of a model.

    Attributes:
        counts: the frequency by token; empty if it is not known.
        split: returns the tokens of a source.
        problem: why the frequencies are not known, as a sentence, or "".
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    split: Split = str.split
    problem: str = ""


@dataclass(frozen=True)
class Analysis:
    """The errors of a model on some pairs.

    Attributes:
        evaluation: the outputs, in the form in which they are compared; in lower case if case is
            ignored.
        question: the settings of the report.
        scores: each metric on all pairs.
        unseen: the number of pairs whose source is not a training source, and each metric on them;
            0 and an empty dictionary if this is true of no pairs or of all pairs.
        calibration: confidences and accuracy, before and after temperature scaling.
        confidence: the confidence of each output with the fitted temperature, `[N]`.
        acceptance: the suggested threshold, or None.
        kept: the outputs that remain for each share that is left to a person.
        kept_scores: for each share, each metric on the outputs that remain.
        alignments: the alignment of each output with its reference.
        confusions: the edits from outputs to references, most frequent first.
        edits: the rate of edits of each output.
        line_scores: the first metric on each output alone.
        lengths: the rows by source length, for each metric.
        frequencies: the rows by frequency, or the reason why there are none.
        lists: indices of the sentences in each list, by the list's name.
    """

    evaluation: Evaluation
    question: Question
    scores: dict[str, Score]
    unseen: tuple[int, dict[str, Score]]
    calibration: Calibration
    confidence: npt.NDArray[np.float64]
    acceptance: Acceptance | None
    kept: list[Kept]
    kept_scores: list[dict[str, Score]]
    alignments: list[list[Step]]
    confusions: list[Confusion]
    edits: list[float]
    line_scores: list[float]
    lengths: dict[str, list[LengthRow]]
    frequencies: list[FrequencyRow] | str
    lists: dict[str, list[int]]

    @property
    def used_temperature(self) -> float:
        """The temperature that `translate` uses."""
        fitted, used = self.calibration.temperature, self.question.temperature
        return fitted if used is None else used

    @property
    def shown_threshold(self) -> str | None:
        """The threshold for `translate --min-confidence`, or None."""
        if self.acceptance is None:
            return None
        return self.acceptance.shown_with(self.calibration.temperature, self.used_temperature)

    @property
    def stored(self) -> Confidence:
        """The temperature and the threshold that are stored with the model."""
        temperature, pairs = self.calibration.temperature, self.evaluation.pairs
        if self.acceptance is None:
            return Confidence(temperature, pairs=pairs)
        return Confidence(temperature, self.acceptance.threshold, self.acceptance.accuracy, pairs)


def analyse(evaluation: Evaluation, question: Question, frequencies: Frequencies) -> Analysis:
    """Analyse the errors of a model."""
    metrics, options = list(dict.fromkeys([*question.metrics, EXACT])), question.options
    if options.get("lowercase"):
        evaluation = evaluation.in_form(str.lower)

    def score(part: Evaluation) -> dict[str, Score]:
        return {name: part.score(name, **options) for name in metrics}

    right = np.array(evaluation.score_each(EXACT)) == 1
    calibration = calibrate(evaluation.per_token, right)
    values = confidences(evaluation.per_token, calibration.temperature)
    kept = keep_confident(values)
    alignments = align_outputs(evaluation, question.target.split)
    edits = list(map(edit_rate, alignments))
    unseen = evaluation.without(question.seen)
    some = 0 < unseen.pairs < evaluation.pairs
    first = metrics[0]
    return Analysis(
        evaluation,
        question,
        score(evaluation),
        (unseen.pairs, score(unseen)) if some else (0, {}),
        calibration,
        values,
        find_threshold(values, right, question.accuracy),
        kept,
        [score(evaluation.at(row.places)) for row in kept],
        alignments,
        count_confusions(alignments),
        edits,
        evaluation.score_each(first, **options),
        {name: rows_by_length({"": evaluation}, name, **options) for name in metrics},
        frequencies.problem
        or rows_by_frequency(evaluation, frequencies.counts, frequencies.split, metrics, **options),
        {
            "confident": confident_errors(values, right, MOST_SENTENCES),
            "metric": lowest_metric(evaluation, first, edits, MOST_SENTENCES, **options),
            "unsure": least_confident(values, MOST_SENTENCES),
        },
    )
