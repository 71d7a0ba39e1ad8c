import math

import numpy as np
import pytest

from keras_attention.decoding.confidence import confidences
from keras_attention.training.evaluation.calibration import (
    calibrate,
    calibration_error,
    fit_temperature,
    log_loss,
    reliability,
)


@pytest.fixture
def outputs():
    """Return mean log-probabilities of outputs, and whether each output is right."""
    rng = np.random.default_rng(3)
    values = np.log(rng.uniform(0.4, 1, 500))
    return values, rng.random(500) < np.exp(values / 0.4)


@pytest.mark.parametrize("bins", [1, 7, 10])
def test_the_calibration_error_equals_the_result_of_a_plain_loop(outputs, bins):
    values, right = np.exp(outputs[0]), outputs[1]
    expected = 0.0
    for place in range(bins):
        inside = [n for n, value in enumerate(values) if place / bins <= value < (place + 1) / bins]
        if inside:
            gap = abs(np.mean([values[n] - right[n] for n in inside]))
            expected += len(inside) / len(values) * gap
    rows = reliability(values, right, bins)
    assert calibration_error(rows) == pytest.approx(expected)
    assert sum(row.count for row in rows) == len(values)


def test_a_confidence_of_1_is_in_the_last_bin_and_the_means_of_an_empty_bin_are_nan():
    rows = reliability([1.0, 0.0], [True, False], 4)
    assert [row.count for row in rows] == [1, 0, 0, 1]
    assert math.isnan(rows[1].confidence) and math.isnan(rows[1].accuracy)
    assert calibration_error(rows) == 0
    assert math.isnan(calibration_error(reliability([], [])))


def test_the_temperature_has_the_smallest_loss_on_a_grid(outputs):
    values, right = outputs
    grid = np.geomspace(0.02, 50, 4000)
    losses = [log_loss(confidences(values, temperature), right) for temperature in grid]
    found = fit_temperature(values, right)
    assert found == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    assert log_loss(confidences(values, found), right) <= min(losses) + 1e-12
    assert found == pytest.approx(0.4, rel=0.2)  # the labels were drawn with this temperature


@pytest.mark.parametrize("right", [[True, True], [False, False], []])
def test_a_temperature_requires_right_and_wrong_outputs(right):
    values = [-0.5] * len(right)
    assert fit_temperature(values, right) is None
    found = calibrate(values, right)
    assert (found.temperature, found.fitted) == (1, False)
    np.testing.assert_array_equal(found.before, found.after)


@pytest.mark.parametrize(("value", "end"), [(-1e-9, 0.02), (-1e4, 50)])
def test_the_temperature_stays_in_its_range(value, end):
    assert fit_temperature([value] * 4, [True, False] * 2) == pytest.approx(end)


def test_outputs_without_a_score_do_not_change_the_temperature(outputs):
    values, right = outputs
    more = np.append(values, -np.inf), np.append(right, False)
    assert fit_temperature(*more) == fit_temperature(values, right)
    assert calibrate(*more).after[-1] == 0


def test_each_half_is_calibrated_with_the_temperature_of_the_other_half(outputs):
    values, right = outputs
    found = calibrate(values, right)
    used = values / np.log(found.after)
    assert len(set(used.round(9))) == 2
    first = np.isclose(used, used[0])
    assert abs(first.sum() - len(values) / 2) <= 1
    assert used[0] == pytest.approx(fit_temperature(values[~first], right[~first]))
    assert used[~first][0] == pytest.approx(fit_temperature(values[first], right[first]))
    after = calibration_error(reliability(found.after, right))
    assert after < calibration_error(reliability(found.before, right)) / 2


def test_the_loss_is_the_mean_negative_log_likelihood():
    expected = -(math.log(0.8) + math.log(1 - 0.3)) / 2
    assert log_loss([0.8, 0.3], [True, False]) == pytest.approx(expected)
