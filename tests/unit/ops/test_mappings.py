"""Sparse mappings are compared with projections onto the simplex, found by bisection."""

import numpy as np
import pytest
from keras import backend, ops
from reference import by_bisection, finite_differences
from support import assert_close, evaluated, gradients, normal, to_numpy, weighted_sum

from keras_attention.attention.base.attention_mechanism import AttentionMechanism
from keras_attention.ops.mappings import MAPPINGS, masked_entmax15, masked_sparsemax

SCORES = normal(3, 2, 5, seed=1, scale=1.5)
MASK = np.array([[True, True, False, True, False], [True] * 5, [False, True, False, False, False]])
SPARSE = {"sparsemax": (masked_sparsemax, 1.0, 1.0), "entmax15": (masked_entmax15, 0.5, 2.0)}
"""The factor and exponent of each mapping: `p = max(factor * z - tau, 0) ** exponent`."""
every_mapping = pytest.mark.parametrize("name", SPARSE)


def reference(name, scores, mask=None):
    _, factor, exponent = SPARSE[name]
    mask = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    weights = np.zeros(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        real = mask[place]
        if real.any():
            weights[place][real] = by_bisection(scores[place][real], factor, exponent)
    return weights


@every_mapping
@pytest.mark.parametrize("mask", [None, MASK[:, None]])
def test_equals_the_projection(name, mask):
    weights = to_numpy(SPARSE[name][0](SCORES, mask))
    assert_close(weights, reference(name, SCORES, mask), atol=1e-6)
    assert (weights == 0).any()


@every_mapping
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_scores_of_any_magnitude_and_number_are_mapped_correctly(name, scale, steps):
    scores = normal(20, steps, seed=steps, scale=scale)
    weights = to_numpy(SPARSE[name][0](scores))
    assert_close(weights, reference(name, scores), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


@every_mapping
def test_equal_scores_get_equal_weights(name):
    scores = np.array([[3.0, 3.0, 3.0, 3.0], [0.0, -9.0, 0.0, -9.0]], "float32")
    expected = [[0.25] * 4, [0.5, 0.0, 0.5, 0.0]]
    assert_close(SPARSE[name][0](scores), np.array(expected))


@every_mapping
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_row_that_is_all_padding_gets_zeros(name, dtype):
    mask = np.array([[False] * 5, [True] * 5, [False] * 5])[:, None]
    result = SPARSE[name][0](ops.cast(SCORES, dtype), mask)
    assert backend.standardize_dtype(result.dtype) == dtype
    weights = to_numpy(result)
    assert not weights[[0, 2]].any()
    np.testing.assert_allclose(weights[1].sum(-1), 1, rtol=0.02)


@every_mapping
def test_gradients_equal_finite_differences(name):
    pull = normal(*SCORES.shape, seed=3)
    points = SCORES.astype("float64")
    _, (slope,) = gradients(
        lambda x: weighted_sum([SPARSE[name][0](x, MASK[:, None])], [pull]), [], SCORES
    )
    (expected,) = finite_differences(
        lambda: (reference(name, points, MASK[:, None]) * pull).sum(), points
    )
    assert_close(slope, expected, rtol=1e-3, atol=1e-4)


@every_mapping
def test_a_row_that_is_all_padding_has_zero_gradients(name):
    mask = np.zeros((3, 1, 5), bool)
    _, (slope,) = gradients(lambda x: ops.sum(SPARSE[name][0](x, mask)), [], SCORES)
    assert not np.any(slope)


def test_mechanisms_use_the_mapping_that_they_are_given():
    class Dot(AttentionMechanism):
        def _score(self, query, keys):
            return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))

    query, memory = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
    scores = np.einsum("btd,bsd->bts", query, memory)
    for name, mapping in MAPPINGS.items():
        layer = Dot(mapping=name)
        _, alignment = evaluated(layer, layer)(query, memory)
        assert_close(alignment, mapping(scores))


def test_the_error_for_an_unknown_mapping_lists_the_known_ones():
    message = r"`mapping` must be one of 'softmax', 'sparsemax', 'entmax15'\. Received: mapping='x'"
    with pytest.raises(ValueError, match=message):
        AttentionMechanism(mapping="x")
