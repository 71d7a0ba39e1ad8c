"""The search that is exported, before it is."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import LuongAttention, Seq2Seq, search
from keras_attention.decoding.options import SearchOptions
from keras_attention.export.searches import search_best


@pytest.fixture(scope="module")
def model():
    model = Seq2Seq(7, 7, units=4, embedding=3, attention=LuongAttention())
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("width", [1, 3])
def test_is_the_best_of_the_search_and_says_nothing_for_an_empty_source(model, width):
    source = tf.constant([[4, 5, 2], [2, 0, 0], [6, 3, 2]])
    options = SearchOptions(max_length=5, beam_width=width, min_length=3)
    found = {name: array.numpy() for name, array in search_best(model, source, options).items()}
    expected = [np.array(array)[:, 0] for array in search(model, source, options)]
    for array, other in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(array[[0, 2]], other[[0, 2]])
        assert array.dtype == other.dtype
    assert list(found) == ["tokens", "score", "alignment"]
    assert found["tokens"][1].tolist() == [2, 0, 0, 0, 0]
    assert found["score"][1] == 0
    assert found["alignment"][1].tolist() == [[1, 0, 0]] + [[0, 0, 0]] * 4
