"""Scheduled sampling replaces the intended tokens with the model's predictions for them."""

import numpy as np
import pytest
from keras import ops

from keras_attention.models.training.scheduled_sampling import ScheduledSampler

TARGET = np.array([[1, 5, 6, 7, 0, 0], [1, 8, 9, 5, 6, 7]])


def certain(ids, size=12):
    """Return logits `[B, T, V]` that make the next token certain."""
    return (50 * np.eye(size)[ids]).astype("float32")


def sample(rate, logits, target=TARGET):
    sampler = ScheduledSampler(seed=1)
    sampler.rate.assign(rate)
    return ops.convert_to_numpy(sampler(target, logits))


def test_a_rate_of_zero_keeps_every_token():
    np.testing.assert_array_equal(sample(0.0, certain(np.full(TARGET.shape, 4))), TARGET)


def test_a_rate_of_one_replaces_every_real_token_except_the_first():
    predicted = np.array([[4, 10, 11, 4, 4, 4], [10, 11, 4, 10, 11, 4]])
    expected = np.array([[1, 4, 10, 11, 0, 0], [1, 10, 11, 4, 10, 11]])
    np.testing.assert_array_equal(sample(1.0, certain(predicted)), expected)


def test_the_rate_is_the_share_of_replaced_tokens():
    target = np.full((200, 51), 5)
    replaced = sample(0.3, certain(np.full(target.shape, 4)), target)[:, 1:] == 4
    assert replaced.mean() == pytest.approx(0.3, abs=0.02)


def test_draws_follow_the_softmax():
    target = np.full((400, 51), 5)
    logits = np.broadcast_to(np.log([1e-9, 1e-9, 0.2, 0.5, 0.3]), (400, 51, 5)).astype("float32")
    drawn = sample(1.0, logits, target)[:, 1:]
    shares = [(drawn == token).mean() for token in range(5)]
    np.testing.assert_allclose(shares, [0, 0, 0.2, 0.5, 0.3], atol=0.02)
