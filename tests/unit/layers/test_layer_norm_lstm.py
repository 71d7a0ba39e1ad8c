"""The layer-normalised LSTM against Ba et al. 2016, equations 20 to 22, in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers.hoisted_lstm import make_lstm
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalised(x, gain, shift=0.0):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * gain + shift


def paper_step(cell, x, h, c):
    kernel, recurrent, bias = (
        ops.convert_to_numpy(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    gain = {name: ops.convert_to_numpy(norm.gamma) for name, norm in cell.norms.items()}
    shift = ops.convert_to_numpy(cell.norms["cell"].beta)
    gates = normalised(x @ kernel, gain["inputs"]) + normalised(h @ recurrent, gain["recurrent"])
    i, f, g, o = np.split(gates + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(normalised(c, gain["cell"], shift)), c


@pytest.fixture
def randomised():
    """A cell whose gains and shift are not the ones it starts with."""
    cell = LayerNormLSTMCell(4)
    cell.build((None, 3))
    rng = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
    return cell


def test_a_step_is_the_papers(randomised):
    rng = np.random.default_rng(1)
    x, h, c = (rng.normal(size=(5, width)).astype("float32") for width in (3, 4, 4))
    output, (new_h, new_c) = randomised(x, [h, c])
    expected_h, expected_c = paper_step(randomised, x, h, c)
    np.testing.assert_allclose(ops.convert_to_numpy(output), expected_h, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(new_h), expected_h, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(new_c), expected_c, atol=1e-5)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_over_time_is_the_cell_step_by_step(layer_norm):
    lstm = make_lstm(4, layer_norm=layer_norm, dtype="float32")
    x = np.random.default_rng(2).normal(size=(2, 5, 3)).astype("float32")
    outputs, h, c = lstm(x)
    state = [np.zeros((2, 4), "float32")] * 2
    for t in range(5):
        step, state = lstm.cell(x[:, t], state)
        np.testing.assert_allclose(
            ops.convert_to_numpy(outputs[:, t]), ops.convert_to_numpy(step), atol=1e-5
        )
    np.testing.assert_allclose(ops.convert_to_numpy(c), ops.convert_to_numpy(state[1]), atol=1e-5)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_recurrent_dropout_is_active_in_training_alone(layer_norm):
    keras.utils.set_random_seed(3)
    lstm = make_lstm(8, layer_norm=layer_norm, recurrent_dropout=0.5, dtype="float32")
    x = np.random.default_rng(3).normal(size=(2, 5, 3)).astype("float32")
    still = [ops.convert_to_numpy(lstm(x, training=False)[0]) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert not np.allclose(ops.convert_to_numpy(lstm(x, training=True)[0]), still[0])


def test_keras_own_layer_unless_normalised():
    assert isinstance(make_lstm(4, layer_norm=False, dtype="float32"), keras.layers.LSTM)
    assert isinstance(make_lstm(4, layer_norm=True, dtype="float32").cell, LayerNormLSTMCell)
