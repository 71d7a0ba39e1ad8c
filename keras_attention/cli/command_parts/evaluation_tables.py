"""The tables of `evaluate`: metrics of all pairs and of groups, and a comparison of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.cli.output import print_evaluation, print_table, print_wrong
from keras_attention.cli.progress import count_each, show_progress
from keras_attention.cli.stopping import advise_on_output
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.training.data.pairs import Pair
from keras_attention.training.evaluation.by_feature import FeatureGroups, group_by_features
from keras_attention.training.evaluation.evaluate import Evaluation, Form, evaluate
from keras_attention.training.evaluation.length_report import plot_by_length, rows_by_length
from keras_attention.training.metrics.metric_kinds import format_value
from keras_attention.training.metrics.text_metrics import make_metric
from keras_attention.translation.result import Translate
from keras_attention.visualization.figure_style import check_picture


@dataclass(frozen=True)
class EvaluationReport:
    """The options that select what `evaluate` prints and writes.

    The fields have the names of the parameters of the command, whose help explains them.
    """

    metrics: str = ""
    tokenize: str | None = None
    lowercase: bool = False
    by_length: bool = False
    picture: Path | None = None
    compare: bool = False
    output: Path | None = None
    errors: int = 5

    @property
    def names(self) -> list[str]:
        """The names of the metrics."""
        return [name.strip() for name in (self.metrics or "exact_match").split(",")]

    @property
    def options(self) -> dict[str, Any]:
        """The options of `text_metrics.score`."""
        return {"tokenize": self.tokenize, "lowercase": self.lowercase}

    def check(self, models: Sequence[Path]) -> None:
        """Check the options, before any text is translated."""
        for name in self.names:
            make_metric(name, tokenize=self.tokenize)
        if self.tokenize and "bleu" not in self.names:
            raise InputError(
                f"--tokenize requires --metrics bleu. Received: --tokenize {self.tokenize} alone."
            )
        if self.lowercase and not self.metrics:
            raise InputError("--lowercase requires --metrics NAMES. Received: --lowercase alone.")
        if self.compare and len(models) < 2:
            raise InputError("--compare requires two models. Received: one.")
        if self.output and len(models) > 1:
            raise InputError(f"--output requires exactly one model. Received: {len(models)}.")
        if self.picture:
            check_picture(self.picture)


def run_evaluate(
    translators: Mapping[str, Translate],
    pairs: Sequence[Pair],
    seen: set[str],
    report: EvaluationReport,
    form: Form,
) -> dict[str, Evaluation]:
    """Translate the sources with each model, print the tables and write the outputs.

    Args:
        translators: the models by name.
        pairs: sources and targets.
        seen: sources that the training pairs contain too.
        report: the options.
        form: converts references and outputs to the form in which they are compared. The file of
            outputs contains the outputs before this conversion.
    """
    output = report.output
    with (
        advise_on_output(output),
        write_atomically(output) if output else nullcontext() as temporary_path,
    ):
        evaluations = _evaluate(translators, pairs)
        if temporary_path:
            lines = [f"{text}\n" for text in next(iter(evaluations.values())).outputs]
            temporary_path.write_text("".join(lines), encoding="utf-8", newline="\n")
    evaluations = {name: each.in_form(form) for name, each in evaluations.items()}
    if report.metrics:
        _print_scores(evaluations, seen, report)
    for name, evaluation in evaluations.items():
        shows_errors = report.errors and evaluation.wrong
        if len(evaluations) > 1 and (shows_errors or not report.metrics):
            print(f"\n{name}")
        if report.metrics:
            print_wrong(evaluation, report.errors)
        else:
            print_evaluation(evaluation, seen, report.errors)
    for group in group_by_features([source for source, _ in pairs]):
        _report_feature(evaluations, group, report)
    if report.by_length or report.picture:
        _report_lengths(evaluations, report)
    if report.compare:
        _print_comparison(evaluations, report)
    return evaluations


def _evaluate(translators: Mapping[str, Translate], pairs: Sequence[Pair]) -> dict[str, Evaluation]:
    """Translate the sources with each model, with a progress bar on a terminal."""
    with show_progress(len(translators) * len(pairs), unit="pairs") as advance:

        def counted(translate: Translate) -> Translate:
            return lambda texts: count_each(translate(texts), advance)

        return {name: evaluate(counted(each), pairs) for name, each in translators.items()}


def _print_scores(
    evaluations: Mapping[str, Evaluation], seen: set[str], report: EvaluationReport
) -> None:
    count = next(iter(evaluations.values())).pairs
    signatures = _print_table(evaluations, report, f"{count} pairs")
    unseen = {name: evaluation.without(seen) for name, evaluation in evaluations.items()}
    fewer = next(iter(unseen.values())).pairs
    if 0 < fewer < count:
        title = f"the {fewer} pairs whose source is not in the training pairs"
        _print_table(unseen, report, title)
    for name, signature in signatures.items():
        print(f"{name}  {signature}")


def _print_table(
    evaluations: Mapping[str, Evaluation], report: EvaluationReport, title: str
) -> dict[str, str]:
    """Print a row per metric and a column per model, and return the signatures."""
    print(title)
    rows = [("metric", *evaluations)]
    signatures = {}
    for metric in report.names:
        scores = [each.score(metric, **report.options) for each in evaluations.values()]
        rows.append((metric, *map(str, scores)))
        signatures[metric] = scores[0].signature
    print_table(rows, justify="right")
    return signatures


def _report_feature(
    evaluations: Mapping[str, Evaluation], group: FeatureGroups, report: EvaluationReport
) -> None:
    """Print each metric for each value of a source feature, and the mean over the values."""
    for metric in report.names:
        found = [group.scores(each, metric, **report.options) for each in evaluations.values()]
        print(metric)
        table = [(group.name, "number of pairs", *evaluations)]
        for value in found[0]:
            count = len(group.positions.get(value, ()))
            scores = [format_value(metric, each[value]) for each in found]
            table.append((value, str(count or ""), *scores))
        print_table(table, justify="right")


def _report_lengths(evaluations: Mapping[str, Evaluation], report: EvaluationReport) -> None:
    for number, metric in enumerate(report.names):
        rows = rows_by_length(evaluations, metric, **report.options)
        print(metric)
        table = [("source tokens", "number of pairs", *evaluations)]
        for row in rows:
            values = [format_value(metric, value) for value in row.values.values()]
            table.append((row.label, str(row.count), *values))
        print_table(table, justify="right")
        if report.picture and not number:
            plot_by_length(rows, report.picture, ylabel=metric)
            print(f"Wrote {report.picture}")


def _print_comparison(evaluations: Mapping[str, Evaluation], report: EvaluationReport) -> None:
    (first, one), (second, other) = list(evaluations.items())[:2]
    table = [("metric", first, second, "difference", "p-value")]
    for metric in report.names:
        paired = one.paired_bootstrap(other, metric, **report.options)
        difference = format_value(metric, paired.difference)
        sign = "+" if paired.difference > 0 else ""
        columns = (str(paired.first), str(paired.second), sign + difference)
        table.append((metric, *columns, f"{paired.p_value:.4f}"))
    print_table(table, justify="right")
    print(f"paired bootstrap, {paired.samples} resamples, seed {paired.seed}")
