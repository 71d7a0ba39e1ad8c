"""Sparse distributions over a vocabulary equal projections found by bisection in float64."""

import numpy as np
import pytest
from keras import backend, ops
from reference import by_bisection
from support import assert_close, gradients, normal, to_numpy, weighted_sum

from keras_attention.ops.mappings import MAPPINGS
from keras_attention.ops.sparse_outputs import (
    ALPHAS,
    NO_PROBABILITY,
    negative_entropy,
    sparse_log_probabilities,
    sparse_probabilities,
)

SHAPES = {"sparsemax": (1.0, 1.0), "entmax15": (0.5, 2.0)}
every_mapping = pytest.mark.parametrize("mapping", SHAPES)


@every_mapping
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("size", [1, 2, 3000])
def test_probabilities_equal_the_projection_at_any_magnitude_and_size(mapping, scale, size):
    scores = normal(5, size, seed=size, scale=scale)
    expected = [by_bisection(row, *SHAPES[mapping]) for row in scores]
    found = to_numpy(sparse_probabilities(scores, mapping))
    assert_close(found, np.array(expected), rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


@every_mapping
def test_probabilities_equal_those_of_the_mapping_by_sorting(mapping):
    scores = normal(4, 3, 50, seed=1, scale=2.0)
    assert_close(sparse_probabilities(scores, mapping), MAPPINGS[mapping](scores, None))


@every_mapping
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_scores_of_16_bits_are_mapped_in_float32(mapping, dtype):
    found = sparse_probabilities(ops.cast(normal(2, 9, seed=1), dtype), mapping)
    assert backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(to_numpy(found).sum(-1), 1, rtol=1e-5)


@every_mapping
def test_nan_scores_give_nan_and_end_the_iteration(mapping):
    scores = np.full((2, 5), np.nan, "float32")
    assert np.isnan(to_numpy(sparse_probabilities(scores, mapping))).all()


@every_mapping
def test_impossible_tokens_have_ordered_log_probabilities_below_all_others(mapping):
    scores = normal(20, 40, seed=2, scale=200.0)
    scores[:10] /= 100
    probabilities = to_numpy(sparse_probabilities(scores, mapping))
    logs, possible = to_numpy(sparse_log_probabilities(scores, mapping)), probabilities > 0
    assert 0 < possible.mean() < 1
    np.testing.assert_allclose(logs[possible], np.log(probabilities[possible]), rtol=1e-6)
    assert logs[possible].min() > NO_PROBABILITY / 2
    assert (logs[~possible] <= NO_PROBABILITY).all() and logs.min() == 2 * NO_PROBABILITY
    for row in range(10):  # in these rows, scores differ by less than 300
        lost = ~possible[row]
        assert (np.diff(logs[row, lost][np.argsort(scores[row, lost])]) >= 0).all()


@every_mapping
def test_no_gradient_flows_through_probabilities(mapping):
    pull = normal(2, 6, seed=3)
    _, (slope,) = gradients(
        lambda x: weighted_sum([sparse_probabilities(x, mapping)], [pull]),
        [],
        normal(2, 6, seed=4),
    )
    assert not np.any(slope)


@every_mapping
def test_the_mapping_maximizes_the_expected_score_plus_the_entropy(mapping):
    scores, rng = normal(6, seed=5).astype("float64"), np.random.default_rng(6)
    alpha = ALPHAS[mapping]

    def value(p):
        negative = ((p**alpha).sum() - 1) / (alpha * (alpha - 1))
        np.testing.assert_allclose(float(negative_entropy(p, mapping)), negative, atol=1e-6)
        return p @ scores - negative

    best = value(np.asarray(to_numpy(sparse_probabilities(scores, mapping)), "float64"))
    others = [value(rng.dirichlet(np.full(6, size))) for size in (0.1, 1.0, 5.0) for _ in range(20)]
    assert best > max(others) - 1e-6


def test_the_entropy_of_a_certain_token_is_zero():
    certain = np.eye(4, dtype="float32")
    assert_close(negative_entropy(certain, "entmax15"), np.zeros(4, "float32"))
