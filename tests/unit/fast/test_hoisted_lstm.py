"""The loop with hoisted products gives what Keras's own layers give."""

import keras
import numpy as np
import pytest
from keras import ops
from support import cases, gradients, normal, randomize, tensorflow_only, to_numpy

from keras_attention.fast import hoisted_lstm as module
from keras_attention.fast.hoisted_lstm import LSTM, RNN, make_lstm
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell

UNITS = 5
INPUTS = normal(4, 7, 4, seed=1)
LENGTHS = np.array([7, 4, 1, 0])
MASK = np.arange(7) < LENGTHS[:, None]
WEIGHTS = normal(4, 7, UNITS, seed=2)


def keras_own(layer_norm, **options):
    over_time = {"return_sequences": True, "return_state": True, **options}
    if layer_norm:
        return keras.layers.RNN(LayerNormLSTMCell(UNITS), **over_time)
    return keras.layers.LSTM(UNITS, **over_time)


def results(layer, inputs, mask, state, training):
    """Outputs and states, and the gradient of a sum in which all of them count differently."""

    def total(inputs, *state):
        options = {"initial_state": list(state) or None, "mask": mask, "training": training}
        outputs, h, c = layer(inputs, **options)
        return ops.sum(outputs * WEIGHTS) + 2 * ops.sum(h) + ops.sum(c * c)

    found = to_numpy(layer(inputs, initial_state=state, mask=mask, training=training))
    _, slopes = gradients(total, layer.trainable_variables, inputs, *(state or []))
    return found, slopes


@pytest.mark.parametrize("layer_norm", [False, True])
@cases("go_backwards", [False, True], on_jax=[True])
@cases("masked", [False, True], on_jax=[True])
@cases("training", [False, True], on_jax=[True])
def test_equals_keras_and_so_do_the_gradients(layer_norm, go_backwards, masked, training):
    layers = [
        make_lstm(UNITS, layer_norm=layer_norm, dtype="float32", go_backwards=go_backwards),
        keras_own(layer_norm, go_backwards=go_backwards),
    ]
    for layer in layers:
        layer.build(INPUTS.shape)
        randomize(layer, seed=3)
    state = None if masked else [normal(4, UNITS, seed=4), normal(4, UNITS, seed=5)]
    mask = ops.convert_to_tensor(MASK) if masked else None
    (found, slopes), (expected, wanted) = (
        results(layer, INPUTS, mask, state, training) for layer in layers
    )
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
        return ops.sum(layer(inputs, training=True)[0] * WEIGHTS)

    _, (slope, _) = gradients(total, [variable], INPUTS)
    direction, width = normal(*slope.shape, seed=7), 1e-2
    start, ends = ops.convert_to_numpy(variable.value), []
    for sign in (1, -1):
        variable.assign(start + sign * width * direction)
        ends.append(float(total(INPUTS)))
    expected = (ends[0] - ends[1]) / (2 * width)
    assert (slope * direction).sum() == pytest.approx(expected, abs=5e-3)


@tensorflow_only("its graphs alone leave shapes open")
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("rows", [4, 0])
def test_a_graph_of_open_shapes_has_the_same_gradients(layer_norm, rows):
    import tensorflow as tf

    layer = make_lstm(UNITS, layer_norm=layer_norm, dtype="float32")
    layer.build(INPUTS.shape)
    randomize(layer, seed=8)

    def slopes(inputs, mask, weights):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(layer(inputs, mask=mask, training=True)[0] * weights)
        return tape.gradient(total, [inputs, *(v.value for v in layer.trainable_variables)])

    kinds = (
        ((None, None, 4), tf.float32),
        ((None, None), tf.bool),
        ((None, None, UNITS), tf.float32),
    )
    graph = tf.function(slopes, input_signature=[tf.TensorSpec(*kind) for kind in kinds])
    arguments = [tf.constant(x[:rows]) for x in (INPUTS, MASK, WEIGHTS)]
    for one, other in zip(graph(*arguments), slopes(*arguments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.fixture
def loops(monkeypatch):
    """The calls of our own loop."""
    calls, run = [], module._loop
    monkeypatch.setattr(module, "_loop", lambda *given: calls.append(given) or run(*given))
    return calls


@tensorflow_only("the others keep Keras's loop")
@pytest.mark.parametrize("layer_norm", [False, True])
def test_what_recipes_use_runs_on_our_loop(layer_norm, loops):
    make_lstm(UNITS, layer_norm=layer_norm, dtype="float32")(INPUTS, training=True)
    assert len(loops) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "relu"},
        {"recurrent_activation": "relu"},
        {"use_bias": False},
        {"dropout": 0.5},
        {"recurrent_dropout": 0.5},
        {"unroll": True},
    ],
)
def test_what_our_loop_does_not_know_runs_on_keras(settings, loops):
    layer = LSTM(UNITS, return_sequences=True, seed=1, **settings)
    layer(INPUTS, training=True)
    assert not loops


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


def test_the_kind_of_layer():
    assert isinstance(make_lstm(4, layer_norm=False, dtype="float32"), LSTM)
    assert isinstance(make_lstm(4, layer_norm=True, dtype="float32").cell, LayerNormLSTMCell)


def test_saved_layers_come_back():
    for layer in (LSTM(UNITS), RNN(LayerNormLSTMCell(UNITS))):
        stored = keras.saving.serialize_keras_object(layer)
        assert type(keras.saving.deserialize_keras_object(stored)) is type(layer)
