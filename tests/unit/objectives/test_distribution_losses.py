"""The losses on distributions are compared with the papers' sums, computed in plain loops."""

import numpy as np
import pytest
from reference import finite_differences, softmax
from support import assert_close, gradients, normal

from keras_attention.objectives.distribution_losses import consistency_loss, distillation_loss

FIRST, SECOND = (normal(2, 3, 5, seed=seed).astype("float64") for seed in (1, 2))
WEIGHTS = np.array([[1.0, 1.0, 0.0], [1.0, 0.5, 0.0]])


def divergence(p, q):
    return (p * np.log(p / q)).sum()


def consistency_reference(first, second):
    total = 0.0
    for weights, *rows in zip(WEIGHTS, softmax(first), softmax(second), strict=True):
        for weight, p, q in zip(weights, *rows, strict=True):
            total += weight * (divergence(p, q) + divergence(q, p)) / 2
    return total / WEIGHTS.sum()


def test_the_consistency_loss_and_its_gradient_equal_the_papers_sum():
    value, slopes = gradients(
        lambda a, b: consistency_loss(a, b, WEIGHTS),
        [],
        FIRST.astype("float32"),
        SECOND.astype("float32"),
    )
    points = FIRST.copy(), SECOND.copy()
    expected = finite_differences(lambda: consistency_reference(*points), *points)
    assert value == pytest.approx(consistency_reference(FIRST, SECOND), rel=1e-5)
    for slope, wanted in zip(slopes, expected, strict=True):
        assert_close(slope, wanted, rtol=1e-3, atol=1e-5)


def test_the_consistency_loss_is_zero_if_all_tokens_are_padding():
    assert float(consistency_loss(FIRST, SECOND, np.zeros((2, 3)))) == 0


def test_the_consistency_loss_of_extreme_logits_is_finite():
    first = np.array([[[1e4, -1e4]]], "float32")
    assert np.isfinite(float(consistency_loss(first, -first, np.ones((1, 1)))))


def distillation_reference(logits):
    total = 0.0
    for weights, *rows in zip(WEIGHTS, softmax(logits), softmax(SECOND), strict=True):
        for weight, p, q in zip(weights, *rows, strict=True):
            total -= weight * (q * np.log(p)).sum()
    return total / WEIGHTS.sum()


def test_the_distillation_loss_and_its_gradient_equal_the_papers_sum():
    value, (slope,) = gradients(
        lambda logits: distillation_loss(logits, SECOND, WEIGHTS), [], FIRST.astype("float32")
    )
    points = FIRST.copy()
    (expected,) = finite_differences(lambda: distillation_reference(points), points)
    assert value == pytest.approx(distillation_reference(FIRST), rel=1e-5)
    assert_close(slope, expected, rtol=1e-3, atol=1e-5)
