import keras
import numpy as np
import pytest
from keras import ops
from reference import log_softmax
from support import gradients, normal, tensorflow_only, weighted_sum

from keras_attention.fast.crossentropy import crossentropy

TARGET = np.array([[3, 1, 2, 0], [4, 2, 0, 0]], "int32")


def expected(logits, smoothing):
    """Return the losses and the gradient of each loss, in float64."""
    size = logits.shape[-1]
    target = (1 - smoothing) * np.eye(size)[TARGET] + smoothing / size
    log_probs = log_softmax(logits)
    return -(target * log_probs).sum(-1), np.exp(log_probs) - target


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_losses_and_their_gradients_equal_the_definition(smoothing, scale):
    logits, weights = normal(2, 4, 7, seed=1, scale=scale), normal(2, 4, seed=2)
    losses, slopes = expected(logits, smoothing)
    np.testing.assert_allclose(crossentropy(TARGET, logits, smoothing), losses, rtol=1e-5)
    _, (slope,) = gradients(
        lambda x: weighted_sum([crossentropy(TARGET, x, smoothing)], [weights]), [], logits
    )
    np.testing.assert_allclose(slope, slopes * weights[..., None], rtol=1e-4, atol=1e-6)


@tensorflow_only("other backends have no fast function")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_fast_function_equals_the_portable_one(smoothing, monkeypatch):
    logits = normal(2, 4, 5000, seed=3, scale=4.0)

    def both(x):
        return gradients(lambda x: ops.mean(crossentropy(TARGET, x, smoothing)), [], x)

    fast, (fast_slope,) = both(logits)
    monkeypatch.setattr(keras.backend, "backend", lambda: "portable")
    portable, (portable_slope,) = both(logits)
    np.testing.assert_allclose(fast, portable, rtol=1e-6)
    np.testing.assert_allclose(fast_slope, portable_slope, rtol=1e-4, atol=1e-8)


def test_a_target_whose_probability_is_0_has_a_finite_loss():
    logits = np.zeros((2, 4, 7), "float32")
    logits[..., 5] = 200.0
    losses, slopes = expected(logits.astype("float64"), 0.1)
    np.testing.assert_allclose(crossentropy(TARGET, logits, 0.1), losses, rtol=1e-5)
    _, (slope,) = gradients(lambda x: ops.sum(crossentropy(TARGET, x, 0.1)), [], logits)
    np.testing.assert_allclose(slope, slopes, rtol=1e-4, atol=1e-6)


def test_an_empty_batch_has_no_losses():
    assert crossentropy(TARGET[:0], normal(0, 4, 7)).shape == (0, 4)


def test_shapes_must_match():
    with pytest.raises(ValueError, match=r"one axis more than `target`. Received: shapes \(2, 7\)"):
        crossentropy(TARGET, normal(2, 7))


@tensorflow_only("other backends do not check ids")
@pytest.mark.parametrize("wrong", [7, -1])
def test_an_id_without_a_logit_is_an_error(wrong):
    import tensorflow as tf

    target = np.where(TARGET == 4, wrong, TARGET)
    with tf.device("CPU"), pytest.raises(tf.errors.InvalidArgumentError):
        crossentropy(target, normal(2, 4, 7))
