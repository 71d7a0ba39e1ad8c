"""The loop with hoisted products gives what Keras's own layers give."""

import keras
import numpy as np
import pytest
from keras import ops
from support import gradients, normal, randomize, to_numpy

from keras_attention.layers.hoisted_lstm import HoistedLSTM, HoistedRNN, make_lstm
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell

UNITS = 5
INPUTS = normal(3, 7, 4, seed=1)
LENGTHS = np.array([7, 4, 1])
MASK = np.arange(7) < LENGTHS[:, None]
WEIGHTS = normal(3, 7, UNITS, seed=2)


def keras_own(layer_norm, **options):
    over_time = {"return_sequences": True, "return_state": True, **options}
    if layer_norm:
        return keras.layers.RNN(LayerNormLSTMCell(UNITS), **over_time)
    return keras.layers.LSTM(UNITS, **over_time)


def results(layer, inputs, mask, state):
    """Outputs and states, and the gradient of a sum in which all of them count differently."""

    def total(inputs, *state):
        outputs, h, c = layer(inputs, initial_state=list(state) or None, mask=mask)
        return ops.sum(outputs * WEIGHTS) + 2 * ops.sum(h) + ops.sum(c * c)

    found = to_numpy(layer(inputs, initial_state=state, mask=mask))
    _, slopes = gradients(total, layer.trainable_variables, inputs, *(state or []))
    return found, slopes


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_keras_and_so_do_the_gradients(layer_norm, go_backwards, masked):
    layers = [
        make_lstm(UNITS, layer_norm=layer_norm, dtype="float32", go_backwards=go_backwards),
        keras_own(layer_norm, go_backwards=go_backwards),
    ]
    for layer in layers:
        layer.build(INPUTS.shape)
        randomize(layer, seed=3)
    state = None if masked else [normal(3, UNITS, seed=4), normal(3, UNITS, seed=5)]
    mask = ops.convert_to_tensor(MASK) if masked else None
    (found, slopes), (expected, wanted) = (results(layer, INPUTS, mask, state) for layer in layers)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    for one, other in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_recurrent_weights_have_the_slope_of_finite_differences(layer_norm):
    layer = make_lstm(UNITS, layer_norm=layer_norm, dtype="float32")
    layer.build(INPUTS.shape)
    randomize(layer, seed=6)
    variable = next(v for v in layer.trainable_variables if "recurrent_kernel" in v.path)

    def total(inputs):
        return ops.sum(layer(inputs)[0] * WEIGHTS)

    _, (slope, _) = gradients(total, [variable], INPUTS)
    direction, width = normal(*slope.shape, seed=7), 1e-2
    start, ends = ops.convert_to_numpy(variable.value), []
    for sign in (1, -1):
        variable.assign(start + sign * width * direction)
        ends.append(float(total(INPUTS)))
    expected = (ends[0] - ends[1]) / (2 * width)
    assert (slope * direction).sum() == pytest.approx(expected, rel=5e-3)


def test_keras_runs_recurrent_dropout():
    layer = make_lstm(UNITS, layer_norm=True, recurrent_dropout=0.5, dtype="float32")
    outputs = [to_numpy(layer(INPUTS, training=training)[0]) for training in (True, False)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_saved_layers_come_back():
    for layer in (HoistedLSTM(UNITS), HoistedRNN(LayerNormLSTMCell(UNITS))):
        stored = keras.saving.serialize_keras_object(layer)
        assert type(keras.saving.deserialize_keras_object(stored)) is type(layer)
