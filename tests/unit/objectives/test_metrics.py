import keras
import numpy as np
import pytest
from support import normal

from keras_attention import MaskedAccuracy

TARGET = np.array([[3, 1, 2, 0], [4, 2, 0, 0], [1, 2, 0, 0]])
LOGITS = normal(3, 4, 5, seed=1)
LOGITS[0, :2, :] += 5 * np.eye(5)[TARGET[0, :2]]  # makes the first two predictions right
REAL = TARGET != 0
HITS = LOGITS.argmax(-1) == TARGET


def accuracy_of(*batches):
    metric = MaskedAccuracy()
    for target, logits, *weights in batches:
        metric.update_state(target, logits, *weights)
    return float(metric.result())


def test_equals_the_share_of_real_tokens_that_are_predicted():
    assert 0 < HITS[REAL].mean() < 1
    assert accuracy_of((TARGET, LOGITS)) == pytest.approx(HITS[REAL].mean())


def test_batches_are_weighted_by_their_numbers_of_real_tokens():
    batches = (TARGET[:1], LOGITS[:1]), (TARGET[1:], LOGITS[1:])
    assert HITS[:1][REAL[:1]].mean() != HITS[1:][REAL[1:]].mean()
    assert accuracy_of(*batches) == pytest.approx(HITS[REAL].mean())


def test_padding_does_not_count_even_if_it_is_ranked_first():
    others = np.where(REAL[..., None], LOGITS, 100 * np.eye(5, dtype="float32")[0])
    assert accuracy_of((TARGET, others)) == accuracy_of((TARGET, LOGITS))


@pytest.mark.parametrize("weights", [np.array([0.5, 2.0, 0.0]), normal(3, 4, seed=4) ** 2])
def test_sample_weights_apply_to_sequences_or_tokens(weights):
    tokens = np.broadcast_to(weights.reshape(3, -1), (3, 4))[REAL]
    expected = (tokens * HITS[REAL]).sum() / tokens.sum()
    assert accuracy_of((TARGET, LOGITS, weights)) == pytest.approx(expected, rel=1e-5)


def test_the_accuracy_of_padding_is_zero():
    assert accuracy_of((np.zeros((2, 3), int), LOGITS[:2, :3])) == 0


def test_the_first_of_equal_logits_is_ranked_first():
    assert accuracy_of((np.array([[1, 2]]), np.zeros((1, 2, 5), "float32"))) == 0
    logits = np.array([[[0.0, 3.0, 3.0], [0.0, 3.0, 3.0]]], "float32")
    assert accuracy_of((np.array([[1, 2]]), logits)) == 0.5


def test_a_reset_discards_earlier_batches():
    metric = MaskedAccuracy()
    metric.update_state(TARGET[1:], LOGITS[1:])
    metric.reset_state()
    metric.update_state(TARGET[:1], LOGITS[:1])
    assert float(metric.result()) == pytest.approx(HITS[:1][REAL[:1]].mean())


def test_is_saved_by_name():
    stored = keras.saving.serialize_keras_object(MaskedAccuracy(name="hits"))
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is MaskedAccuracy and loaded.name == "hits"
