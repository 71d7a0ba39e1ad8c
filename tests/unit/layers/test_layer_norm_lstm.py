"""The layer-normalised LSTM is compared with Ba et al. 2016, equations 20 to 22, in NumPy."""

import numpy as np
import pytest
from keras import ops

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
    """Return a cell with random weights, including gains and shift."""
    cell = LayerNormLSTMCell(4)
    cell.build((None, 3))
    rng = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
    return cell


def test_a_step_equals_the_papers_equations(randomised):
    rng = np.random.default_rng(1)
    x, h, c = (rng.normal(size=(5, width)).astype("float32") for width in (3, 4, 4))
    output, (new_h, new_c) = randomised(x, [h, c])
    expected_h, expected_c = paper_step(randomised, x, h, c)
    np.testing.assert_allclose(ops.convert_to_numpy(output), expected_h, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(new_h), expected_h, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(new_c), expected_c, atol=1e-5)
