import math

import numpy as np
import pytest

from keras_attention.training.evaluation.rejection import (
    find_threshold,
    keep_confident,
    kept_accuracy,
    wilson_interval,
)


@pytest.fixture(params=range(20))
def outputs(request):
    """Return confidences, many of them equal, and whether each output is right."""
    rng = np.random.default_rng(request.param)
    values = rng.integers(0, 8, 30) / 8
    return values, rng.random(30) < values


@pytest.mark.parametrize("accuracy", [None, 0.0, 0.6, 0.9, 1.0])
def test_the_threshold_is_the_smallest_one_that_reaches_the_accuracy(outputs, accuracy):
    values, right = outputs
    wanted = (1 + right.mean()) / 2 if accuracy is None else accuracy
    reaching = [t for t in sorted(set(values)) if right[values >= t].mean() >= wanted]
    found = find_threshold(values, right, accuracy)
    assert (found and found.threshold) == (reaching[0] if reaching else None)
    if found:
        accepted = right[values >= found.threshold]
        assert (found.count, found.right) == (len(accepted), accepted.sum())
        assert found.accuracy == wanted
        assert found.interval == wilson_interval(found.right, found.count)


def test_no_threshold_is_found_if_the_most_confident_output_is_wrong():
    assert find_threshold([0.9, 0.5], [False, True], 0.9) is None


def test_the_accuracy_of_kept_outputs_equals_the_result_of_a_plain_loop(outputs):
    values, right = outputs
    order = sorted(range(len(values)), key=lambda n: -values[n])
    expected = [np.mean([right[n] for n in order[:count]]) for count in range(1, 31)]
    np.testing.assert_allclose(kept_accuracy(values, right), expected)


def test_the_least_confident_share_is_left_to_a_person(outputs):
    values, _ = outputs
    for kept in keep_confident(values, (0.0, 0.1, 0.5, 1.0)):
        assert len(kept.places) == max(1, 30 - round(30 * kept.share))
        rest = set(range(30)) - set(kept.places)
        assert kept.threshold == min(values[list(kept.places)])
        assert all(values[n] <= kept.threshold for n in rest)


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (3, 5), (5, 5), (970, 1000)])
def test_the_ends_of_the_interval_solve_wilsons_equation(hits, count):
    # At both ends p of Wilson's interval, |hits / count - p| = z sqrt(p (1 - p) / count).
    for end in wilson_interval(hits, count):
        expected = 1.959964 * math.sqrt(end * (1 - end) / count)
        assert abs(hits / count - end) == pytest.approx(expected, abs=1e-9)


def test_the_shown_threshold_accepts_the_same_outputs():
    found = find_threshold([0.123456789, 0.05], [True, False], 1.0)
    assert found.shown == "0.1234"
    assert float(found.shown) <= found.threshold
