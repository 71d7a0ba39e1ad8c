"""The sections about confidence: its calibration, and which outputs a person should check."""

from __future__ import annotations

import math

import numpy as np

from ..calibration import BINS, Bin, calibration_error, log_loss, reliability
from ..rejection import kept_accuracy
from .analysis import Analysis
from .charts import Chart
from .sections import scores_in, table

_MOST_POINTS = 200
_SMALLEST_DOT, _LARGEST_DOT = 2.5, 9.0


def rejection_section(analysis: Analysis) -> str:
    """Return the suggested threshold, and a curve and a table of the other outputs' accuracy."""
    head = ["left to a person", "lowest confidence", "pairs", *analysis.scores]
    rows = [
        [f"{row.share:.0%}", f"{row.threshold:.4f}", f"{len(row.places):,}", *values]
        for row, scores in zip(analysis.kept, analysis.kept_scores, strict=True)
        for values in [scores_in(scores)]
    ]
    head = [name.replace("_", " ") for name in head]
    return f"<p>{_suggestion(analysis)}</p>{_curve(analysis)}{table(head, rows)}"


def _suggestion(analysis: Analysis) -> str:
    asked, found = analysis.question.accuracy, analysis.acceptance
    rule = (
        f"the requested accuracy of {asked:.2%}"
        if asked is not None
        else "an accuracy halfway between that of all outputs and 100&nbsp;%, which halves the "
        "error rate"
    )
    if found is None:
        return (
            f"<strong>No threshold reaches {rule}</strong>: even the most confident outputs are "
            "wrong too often."
        )
    low, high = found.interval
    share = 1 - found.count / analysis.evaluation.pairs
    fitted, used = analysis.calibration.temperature, analysis.used_temperature
    scale = (
        ""
        if fitted == used
        else f" This is for confidences with a temperature of {used:.4g}, which "
        "<code>translate</code> uses for this model until another threshold is stored; with the "
        f"fitted temperature, as below, it is {found.shown}."
    )
    return (
        f"<strong>Suggested threshold: {analysis.shown_threshold}.</strong>{scale} It is the "
        f"smallest one with {rule}. On these pairs it accepts {found.count:,} outputs, of which "
        f"{found.right:,} are right ({found.right / found.count:.2%}; 95&nbsp;% interval "
        f"{low:.2%} to {high:.2%}), and leaves {share:.1%} to a person. The threshold was chosen "
        "on the same pairs, so expect a slightly lower accuracy on other pairs."
    )


def _curve(analysis: Analysis) -> str:
    accuracy = kept_accuracy(analysis.confidence, analysis.calibration.right)
    count = len(accuracy)
    places = np.unique(np.linspace(1, count, min(count, _MOST_POINTS)).round().astype(int))
    points = [(1 - int(place) / count, float(accuracy[place - 1])) for place in places]
    lowest = math.floor(10 * min(y for _, y in points)) / 10
    chart = Chart(
        "Accuracy of the rest by the share of outputs that is left to a person",
        "least confident outputs left to a person, %",
        "exact match of the rest, %",
        min(lowest, 0.9),
    )
    chart.line(points, "after")
    if found := analysis.acceptance:
        share = 1 - found.count / count
        chart.rule(share, "chosen")
        hover = f"threshold {found.shown}: {found.right / found.count:.2%} right"
        chart.dots([(share, found.right / found.count, 5, hover)], "after")
    return f"<figure>{chart.svg()}</figure>"


def calibration_section(analysis: Analysis) -> str:
    """Return the reliability diagram, and the calibration error before and after."""
    found = analysis.calibration
    before, after = reliability(found.before, found.right), reliability(found.after, found.right)
    rows = [
        [name, f"{calibration_error(bins):.2%}", f"{log_loss(values, found.right):.4f}"]
        for name, bins, values in (
            ("as the model is", before, found.before),
            ("with a temperature", after, found.after),
        )
    ]
    head = ["confidence", "expected calibration error", "log-likelihood loss"]
    fitted = (
        f"The temperature that fits all pairs is <strong>{found.temperature:.3f}</strong>"
        f"{_direction(found.temperature)}."
        if found.fitted
        else "No temperature was fitted, because that requires right and wrong outputs; it stays 1."
    )
    return (
        f"<p>{fitted} The row and the dots “with a temperature” use two temperatures, each fitted "
        "to one half of the pairs and applied to the other half.</p>"
        f"{table(head, rows)}{_diagram(before, after)}<p>Confidence is compared with exact match, "
        f"in {BINS} bins of equal width; a larger dot is a bin with more outputs. Dots below the "
        "dashed line are overconfident.</p>"
    )


def _direction(temperature: float) -> str:
    if temperature == 1:
        return ""
    side, change = ("above", "raises") if temperature > 1 else ("below", "lowers")
    return f": {side} 1, so it {change} all confidences"


def _diagram(before: list[Bin], after: list[Bin]) -> str:
    chart = Chart("Reliability diagram", "confidence, %", "exact match, %")
    chart.line([(0, 0), (1, 1)], "ideal")
    for bins, name in ((before, "before"), (after, "after")):
        used = [each for each in bins if each.count]
        most = max((each.count for each in used), default=1)
        chart.line([(each.confidence, each.accuracy) for each in used], name)
        chart.dots(
            (
                (
                    each.confidence,
                    each.accuracy,
                    max(_SMALLEST_DOT, _LARGEST_DOT * math.sqrt(each.count / most)),
                    f"{each.count} outputs: confidence {each.confidence:.1%}, "
                    f"exact match {each.accuracy:.1%}",
                )
                for each in used
            ),
            name,
        )
    key = (
        '<figcaption><span class="before">●</span> as the model is '
        '<span class="after">●</span> with a temperature</figcaption>'
    )
    return f"<figure>{chart.svg()}{key}</figure>"
