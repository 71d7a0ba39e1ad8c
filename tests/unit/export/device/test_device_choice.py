"""The choice of the next token on a device, compared with the library's own constraints."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.decoding.constraints import Constraints, constrain
from keras_attention.decoding.hypotheses import IMPOSSIBLE, log_probabilities
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_choice import choose_next
from keras_attention.ops.sparse_outputs import sparse_log_probabilities

SETTINGS = {
    "nothing": {},
    "penalty": {"repetition_penalty": 1.7},
    "pairs": {"no_repeat_ngram": 2},
    "single": {"no_repeat_ngram": 1, "min_length": 12},
    "strong penalty": {"repetition_penalty": 1000.0},
    "all": {"min_length": 6, "repetition_penalty": 1.3, "no_repeat_ngram": 3},
}


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
def test_choose_next_agrees_with_the_constraints_of_search(options):
    rng, settings = np.random.default_rng(3), SearchSettings(9, 12, **options)
    constraints = Constraints(settings)
    for length in [*range(11)] * 4:
        generated = rng.integers(3, 7, length).tolist()
        plain, allowed = log_probabilities(rng.standard_normal((1, 7)).astype("float32"))
        padded = np.array([generated + [0] * (12 - length)], "int32")
        adjusted = constraints(plain, allowed, tf.constant(length), padded).numpy()[0]
        token, gain = choose_next(allowed.numpy()[0], generated, settings)
        assert token == adjusted.argmax()
        assert gain == plain.numpy()[0, token] > IMPOSSIBLE


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
def test_choose_next_agrees_with_search_for_a_sparse_output(options):
    rng, settings = np.random.default_rng(4), SearchSettings(9, 12, **options)
    for length in [*range(11)] * 4:
        generated = rng.integers(3, 7, length).tolist()
        scores = 2 * rng.standard_normal((1, 7)).astype("float32")
        logits = sparse_log_probabilities(scores, "sparsemax")
        padded = np.array([generated + [0] * (12 - length)], "int32")
        constraints = Constraints(settings)
        plain, adjusted = constrain(constraints, logits, tf.constant(length), padded, ())
        allowed = log_probabilities(logits)[1].numpy()[0]
        token, gain = choose_next(allowed, generated, settings)
        assert token == adjusted.numpy()[0].argmax()
        assert gain == plain.numpy()[0, token] > IMPOSSIBLE / 2


def test_only_possible_tokens_are_chosen():
    log_probs = np.log(np.array([1e-9, 1e-9, 0.1, 0.2, 0.3, 0.4], "float32"))
    possible = np.array([False, False, True, True, False, False])
    token, gain = choose_next(log_probs, [], SearchSettings(9, 9), possible)
    assert (token, gain) == (3, pytest.approx(np.log(0.2)))
