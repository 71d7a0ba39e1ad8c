import keras
import numpy as np
import pytest
from reference import lstm
from support import (
    assert_close,
    check_layer,
    doubles,
    evaluated,
    normal,
    randomize,
    symbols,
    to_numpy,
)

from keras_attention import BiLSTMEncoder

LENGTHS = (4, 2)
INPUTS = normal(2, 4, 3, seed=1)
MASK = np.arange(4) < np.array(LENGTHS)[:, None]


def built(**options):
    layer = BiLSTMEncoder(4, **options)
    layer(symbols(INPUTS))
    return randomize(layer)


def encode(layer, inputs, mask):
    return to_numpy(evaluated(lambda x, mask: layer(x, mask=mask), layer)(inputs, mask))


def reference(layer, row):
    """Return memory `[S, M]` and states of one unpadded row (Bahdanau et al. 2015, section 3.2)."""
    memory, states = row, []
    for index, bidirectional in enumerate(layer.bidirectionals):
        forward, backward = bidirectional.forward_layer, bidirectional.backward_layer
        ahead, ahead_state = lstm(memory, doubles(*forward.weights))
        back, back_state = lstm(memory[::-1], doubles(*backward.weights))
        concat = layer.merge == "concat"
        above = np.concatenate([ahead, back[::-1]], -1) if concat else ahead + back[::-1]
        memory = above if index == 0 else memory + above
        states.append((*ahead_state, *back_state))
    return memory, states


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_equals_a_bidirectional_lstm_row_by_row(layers, merge):
    layer = built(layers=layers, merge=merge)
    memory, states = encode(layer, INPUTS, MASK)
    for row, length in enumerate(LENGTHS):
        expected, expected_states = reference(layer, INPUTS[row, :length].astype("float64"))
        assert_close(memory[row, :length], expected.astype("float32"))
        actual_states = [tuple(state[row] for state in states[i]) for i in range(layers)]
        np.testing.assert_allclose(actual_states, expected_states, rtol=1e-4, atol=1e-6)


def test_more_padding_does_not_change_the_results():
    layer = built(layers=2)
    memory, states = encode(layer, INPUTS, MASK)
    padded = np.concatenate([INPUTS, 100 * normal(2, 3, 3, seed=3)], axis=1)
    padded_memory, padded_states = encode(layer, padded, np.pad(MASK, ((0, 0), (0, 3))))
    assert_close(padded_memory[:, :4][MASK], memory[MASK])
    assert_close(padded_states, states)


def test_a_row_of_padding_has_zero_states():
    mask = np.array([[False] * 4, [True] * 4])
    memory, states = encode(built(layers=2), INPUTS, mask)
    assert np.isfinite(memory).all()
    for state in keras.tree.flatten(states):
        assert not state[0].any() and state[1].any()


def test_the_keras_mask_is_used_and_passed_on():
    layer = built()
    ids = np.array([[4, 7, 2, 0], [5, 2, 0, 0]])
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    embedded = embedding(ids)
    memory, states = layer(embedded)
    assert_close((memory, states), encode(layer, to_numpy(embedded), ids != 0))
    mask = keras.src.backend.get_keras_mask(memory)
    assert to_numpy(mask).tolist() == (ids != 0).tolist()
    assert all(keras.src.backend.get_keras_mask(x) is None for x in keras.tree.flatten(states))


def test_dropout_between_layers_is_active_only_in_training():
    layer = built(layers=2, dropout=0.5)
    plain = built(layers=2)
    first, second = (lambda x: layer(x, training=True)[0]), (lambda x: layer(x)[0])
    expected = to_numpy(evaluated(lambda x: plain(x)[0], plain)(INPUTS))
    assert_close(evaluated(second, layer)(INPUTS), expected)
    assert np.abs(to_numpy(evaluated(first, layer)(INPUTS)) - expected).max() > 1e-3


def test_dropout_does_not_apply_to_the_first_layer():
    layer = built(layers=1, dropout=0.9)
    training, inference = (lambda x: layer(x, training=True)[0]), (lambda x: layer(x)[0])
    expected = to_numpy(evaluated(inference, layer)(INPUTS))
    assert_close(evaluated(training, layer)(INPUTS), expected)


@pytest.mark.parametrize(
    "options", [{}, {"layers": 2, "merge": "sum", "dropout": 0.1}], ids=["concat", "deep-sum"]
)
def test_passes_the_checks_for_every_layer(options, tmp_path):
    check_layer(BiLSTMEncoder(4, **options), INPUTS, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("merge, width", [("concat", 8), ("sum", 4)])
def test_memory_width_follows_from_merge(merge, width):
    layer = BiLSTMEncoder(4, merge=merge)
    assert layer.memory_width == width
    assert layer(symbols(INPUTS))[0].shape == (2, 4, width)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, r"`units` must be a positive integer\. Received: units=0\."),
        ({"layers": 0}, r"`layers` must be a positive integer\. Received: layers=0\."),
        ({"layers": 1.0}, r"`layers` must be a positive integer\. Received: layers=1\.0\."),
        ({"merge": "mul"}, r"`merge` must be one of 'concat', 'sum'\. Received: merge='mul'\."),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\)\. Received: dropout=1\.0\."),
        ({"dropout": -0.1}, r"`dropout` must be in \[0, 1\)\. Received: dropout=-0\.1\."),
    ],
)
def test_errors_name_the_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        BiLSTMEncoder(**{"units": 4, **arguments})
