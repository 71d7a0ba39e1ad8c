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


def test_the_worst_metric_is_first_whether_it_is_high_or_low():
    assert lowest_metric(EVALUATION, "wer", EDITS, 9) == [3, 2, 4, 1]  # NaN for an empty reference
    assert lowest_metric(EVALUATION, "chrf", EDITS, 2)[0] in (2, 3, 4)
    assert 0 not in lowest_metric(EVALUATION, "chrf", EDITS, 9)


def test_the_rate_of_edits_orders_outputs_with_the_same_metric():
    assert lowest_metric(EVALUATION, "exact_match", [0.0, 0.25, 0.5, 0.1, 1.0], 3) == [4, 2, 1]


def test_confidence_orders_outputs_and_errors():
    values, right = [0.5, 0.1, 0.9, math.nextafter(0.5, 1), 0.1], [True, False, False, False, True]
    assert least_confident(values, 3) == [1, 4, 0]
    assert confident_errors(values, right, 2) == [2, 3]
    assert confident_errors([0.5], [True], 2) == []
