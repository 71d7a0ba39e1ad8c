"""The choice of the next token on a device, compared with the library's own constraints."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.decoding.constraints import Constraints
from keras_attention.decoding.hypotheses import IMPOSSIBLE, log_probabilities
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_choice import choose_next

SETTINGS = {
    "nothing": {},
    "penalty": {"repetition_penalty": 1.7},
    "pairs": {"no_repeat_ngram": 2},
    "single": {"no_repeat_ngram": 1, "min_length": 12},
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
