import numpy as np
import pytest
import reference
from keras import backend, ops
from support import assert_close, gradients, normal, tensorflow_only, to_numpy, weighted_sum

from keras_attention.ops.masking import masked_softmax, real_tokens

SCORES = normal(3, 2, 5, seed=1, scale=3.0)
MASK = np.array([[True, True, False, True, False], [True] * 5, [False, True, False, False, False]])


def test_real_tokens_are_all_but_padding():
    ids = np.array([[4, 0, 3], [1, 2, 0]])
    assert to_numpy(real_tokens(ids)).tolist() == [[True, False, True], [True, True, False]]


def test_equals_a_softmax_over_the_real_positions():
    weights = to_numpy(masked_softmax(SCORES, MASK[:, None]))
    assert_close(weights, reference.masked_softmax(SCORES.astype("float64"), MASK[:, None]))
    assert not weights[~np.broadcast_to(MASK[:, None], weights.shape)].any()


def test_without_a_mask_the_result_is_the_softmax():
    assert_close(masked_softmax(SCORES), reference.softmax(SCORES.astype("float64")))


def test_the_mask_can_be_integers():
    assert_close(
        masked_softmax(SCORES, MASK[:, None].astype("int32")), masked_softmax(SCORES, MASK[:, None])
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_row_that_is_all_padding_gets_zeros(dtype):
    scores = ops.cast(SCORES, dtype)
    mask = np.array([[False] * 5, [True] * 5, [False] * 5])[:, None]
    result = masked_softmax(scores, mask)
    assert backend.standardize_dtype(result.dtype) == dtype
    weights = to_numpy(result)
    assert not weights[[0, 2]].any()
    np.testing.assert_allclose(weights[1].sum(-1), 1, rtol=0.02)


@pytest.mark.parametrize("dtype, step", [("float16", 2.0**-11), ("bfloat16", 2.0**-8)])
def test_the_softmax_of_16_bit_scores_is_computed_in_float32(dtype, step):
    """Each weight must be the exact value rounded once; 16-bit arithmetic has larger errors."""
    scores = ops.cast(normal(1, 200, seed=2, scale=4.0), dtype)
    exact = reference.softmax(to_numpy(scores).astype("float64"))
    large = exact > 1e-4
    weights = to_numpy(masked_softmax(scores))
    np.testing.assert_allclose(weights[large], exact[large], rtol=1.01 * step)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_scores_of_any_magnitude_give_weights(dtype):
    largest = 6e4 if dtype == "float16" else 3e38
    scores = ops.cast(np.array([[largest, -largest, 0.0], [-largest, -largest, 7.0]]), dtype)
    mask = np.array([[True] * 3, [True, True, False]])
    assert to_numpy(masked_softmax(scores, mask)).tolist() == [[1, 0, 0], [0.5, 0.5, 0]]


@tensorflow_only("JAX supports float64 only if it is enabled before the start")
def test_float64_stays_float64():
    scores = ops.convert_to_tensor(SCORES.astype("float64"))
    weights = masked_softmax(scores, MASK[:, None])
    assert weights.dtype == "float64"
    expected = reference.masked_softmax(SCORES.astype("float64"), MASK[:, None])
    assert_close(weights, expected, rtol=1e-14, atol=0)


def test_gradients_reach_only_real_positions():
    mask = np.array([[True, True, False, True, False], [True] * 5, [False] * 5])
    pull = normal(3, 2, 5, seed=3)
    _, (slope,) = gradients(
        lambda x: weighted_sum([masked_softmax(x, mask[:, None])], [pull]), [], SCORES
    )
    weights = reference.masked_softmax(SCORES.astype("float64"), mask[:, None])
    expected = weights * (pull - (weights * pull).sum(-1, keepdims=True))
    assert_close(slope, expected.astype("float32"))
    assert not slope[~np.broadcast_to(mask[:, None], slope.shape)].any()
