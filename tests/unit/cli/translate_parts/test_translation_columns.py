"""`translate` prints the requested columns."""

import json

import numpy as np
import pytest

from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.decoding.confidence import Confidence
from keras_attention.translation.result import Hypothesis, Translation


@pytest.fixture
def translation():
    weights = np.array([[0.1, 0.9], [0.8, 0.2], [0.0, 0.0]], "float32")
    best = Hypothesis("xy", -0.123456, ("x", "y", "</s>"), weights)
    second = Hypothesis("z", -2.0, ("z", "</s>"), weights[:2])
    return Translation("a", ("a", "</s>"), (best, second))


@pytest.mark.parametrize(
    ("nbest", "scores", "alignments", "lines"),
    [
        (1, False, False, ["xy"]),
        (1, True, False, ["-0.1235\txy"]),
        (1, False, True, ["xy\t0-1"]),  # x attends to </s>
        (2, False, False, ["7\txy", "7\tz"]),
        (2, True, True, ["7\t-0.1235\txy\t0-1", "7\t-2.0000\tz\t"]),
        (5, False, False, ["7\txy", "7\tz"]),
    ],
)
def test_columns_are_printed_as_requested(translation, nbest, scores, alignments, lines):
    links = (lambda _, hypothesis: hypothesis.links()) if alignments else None
    assert list(Columns(nbest, scores, links).lines(translation, 7)) == lines


@pytest.mark.parametrize(
    ("nbest", "scores", "line"), [(1, False, ""), (1, True, "-inf\t"), (3, True, "7\t-inf\t")]
)
def test_a_translation_without_hypotheses_is_printed_as_a_line(nbest, scores, line):
    nothing = Translation("a", ("a", "</s>"), ())
    assert list(Columns(nbest, scores).lines(nothing, 7)) == [line]
    columns = Columns(nbest, scores, lambda _, found: found.links())
    assert list(columns.lines(nothing, 7)) == [f"{line}\t"]


def test_each_output_is_marked_by_its_own_confidence(translation):
    minimum = MinimumConfidence(0.9)
    assert list(Columns(2, scores=True, minimum=minimum).lines(translation, 7)) == [
        "7\tok\t-0.1235\txy",
        "7\tcheck\t-2.0000\tz",
    ]
    assert list(Columns(minimum=minimum).lines(translation, 7)) == ["ok\txy"]
    nothing = Translation("a", ("a", "</s>"), ())
    assert list(Columns(minimum=minimum).lines(nothing, 7)) == ["check\t"]


def test_json_has_the_confidence_of_each_hypothesis(translation):
    minimum = MinimumConfidence(0.9, Confidence(0.5))
    (line,) = Columns(2, as_json=True, minimum=minimum).lines(translation, 7)
    hypotheses = json.loads(line)["hypotheses"]
    found = [(each["confidence"], each["check"]) for each in hypotheses]
    assert found == [(round(np.exp(-0.123456 / 3 / 0.5), 6), False), (round(np.exp(-2.0), 6), True)]
    (line,) = Columns(1, as_json=True).lines(translation, 7)
    assert "confidence" not in line
