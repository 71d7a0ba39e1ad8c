import numpy as np
import pytest
from keras import ops
from reference import log_softmax
from support import normal, tensorflow_only, to_numpy

from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.decoding.top_tokens import WIDEST, top_k, top_tokens
from keras_attention.special_tokens import PAD_ID, START_ID

# These sizes give one block, several whole blocks, and blocks with a remainder (2003 is prime).
SIZES = [5, 1000, 1024, 2003, 8000]


def tied(rows, size):
    """Return scores with few distinct values, so that many are equal."""
    return np.random.default_rng(size).integers(0, 6, (rows, size)).astype("float32")


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [normal, tied])
def test_top_k_equals_a_stable_sort(make, size, count):
    scores = make(7, size)
    best, places = to_numpy(top_k(ops.convert_to_tensor(scores), count))
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(best, np.take_along_axis(scores, expected, axis=1))


def test_the_lower_index_wins_a_tie_between_two_blocks():
    scores = np.zeros((2, 8000), "float32")
    scores[:, 7000] = 2  # the best score is in the later block
    scores[:, [10, 7001]] = 1
    _, places = to_numpy(top_k(ops.convert_to_tensor(scores), 3))
    assert places.tolist() == [[7000, 10, 7001]] * 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_gains_are_log_probabilities_and_padding_and_start_are_never_chosen(size, scale):
    logits = normal(9, size, seed=1, scale=scale)
    logits[:3, [PAD_ID, START_ID]] += 5 * scale  # most likely, but never generated
    gains, tokens = to_numpy(top_tokens(ops.convert_to_tensor(logits), 3))
    log_probs = log_softmax(logits)
    expected = log_probs.copy()
    expected[:, [PAD_ID, START_ID]] = -np.inf
    order = np.argsort(-expected, axis=1)[:, :3]
    np.testing.assert_array_equal(tokens, order)
    expected = np.take_along_axis(log_probs, order, axis=1)
    np.testing.assert_allclose(gains, expected, rtol=1e-5, atol=2e-5)


def test_a_count_above_the_vocabulary_returns_all_tokens():
    gains, tokens = to_numpy(top_tokens(ops.zeros((2, 4)), 9))
    assert gains.shape == tokens.shape == (2, 4)
    assert {PAD_ID, START_ID} == set(tokens[0, 2:])
    np.testing.assert_array_equal(gains[:, 2:], IMPOSSIBLE)
    np.testing.assert_allclose(gains[:, :2], -np.log(4), rtol=1e-6)


@tensorflow_only("only TensorFlow graphs accept the count as a tensor")
@pytest.mark.parametrize("size", SIZES)
def test_the_count_may_be_a_tensor(size):
    import tensorflow as tf

    search = tf.function(top_tokens, reduce_retracing=True, autograph=False)
    logits = tf.constant(normal(7, size, seed=2))
    for count in (1, 3, WIDEST):
        actual = to_numpy(search(logits, tf.constant(count)))
        for one, other in zip(actual, to_numpy(top_tokens(logits, count)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
