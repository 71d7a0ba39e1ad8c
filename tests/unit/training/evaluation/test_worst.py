import math

from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.evaluation.worst import (
    confident_errors,
    least_confident,
    lowest_metric,
)

EVALUATION = Evaluation(
    (
        ("a", "x y z w", "x y z w"),
        ("b", "x y z w", "x q z w"),
        ("c", "x y z w", "q"),
        ("d", "", "x"),
        ("e", "x y z w", "p q r s"),
    )
)
EDITS = [0.0, 0.25, 1.0, 1.0, 1.0]


def test_the_worst_output_is_first_whether_high_or_low_values_are_bad():
    assert lowest_metric(EVALUATION, "wer", EDITS, 9) == [3, 2, 4, 1]  # NaN for an empty reference
    assert lowest_metric(EVALUATION, "chrf", EDITS, 2)[0] in (2, 3, 4)
    assert 0 not in lowest_metric(EVALUATION, "chrf", EDITS, 9)


def test_outputs_with_the_same_metric_are_ordered_by_their_rate_of_edits():
    assert lowest_metric(EVALUATION, "exact_match", [0.0, 0.25, 0.5, 0.1, 1.0], 3) == [4, 2, 1]


def test_outputs_and_errors_can_be_ordered_by_confidence():
    values, right = [0.5, 0.1, 0.9, math.nextafter(0.5, 1), 0.1], [True, False, False, False, True]
    assert least_confident(values, 3) == [1, 4, 0]
    assert confident_errors(values, right, 2) == [2, 3]
    assert confident_errors([0.5], [True], 2) == []
