"""The layers that compute products before the loop are compared with Keras's own layers."""

import keras
import numpy as np
import pytest
from keras import ops
from support import (
    BACKEND,
    assert_close,
    cases,
    gradients,
    normal,
    randomize,
    tensorflow_only,
    to_numpy,
    weighted_sum,
)

from keras_attention.fast import hoisted_rnn as module
from keras_attention.fast.hoisted_rnn import HoistedGRU, HoistedLSTM, HoistedRNN
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell
from keras_attention.layers.recurrent import make_recurrent

UNITS = 5
INPUTS = normal(4, 7, 4, seed=1)
LENGTHS = np.array([7, 4, 1, 0])
MASK = np.arange(7) < LENGTHS[:, None]
WEIGHTS = normal(4, 7, UNITS, seed=2)


KINDS = {"lstm": {}, "norm": {"layer_norm": True}, "gru": {"rnn": "gru"}}
every_kind = pytest.mark.parametrize("kind", list(KINDS))


def made(kind, units=UNITS, **options):
    return make_recurrent(units, **KINDS[kind], dtype="float32", **options)


def keras_own(kind, **options):
    over_time = {"return_sequences": True, "return_state": True, **options}
    if kind == "norm":
        return keras.layers.RNN(LayerNormLSTMCell(UNITS), **over_time)
    layer = keras.layers.LSTM if kind == "lstm" else keras.layers.GRU
    return layer(UNITS, **over_time)


def results(layer, inputs, mask, state, training):
    """Return outputs and states, and the gradients of a weighted sum of all of them."""

    def total(inputs, *state):
        options = {"initial_state": list(state) or None, "mask": mask, "training": training}
        outputs, h, *c = layer(inputs, **options)
        return weighted_sum([outputs], [WEIGHTS]) + 2 * ops.sum(h) + sum(ops.sum(x * x) for x in c)

    found = to_numpy(layer(inputs, initial_state=state, mask=mask, training=training))
    _, slopes = gradients(total, layer.trainable_variables, inputs, *(state or []))
    return found, slopes


@every_kind
@cases("go_backwards", [False, True], elsewhere=[True])
@cases("masked", [False, True], elsewhere=[True])
@cases("training", [False, True], elsewhere=[True])
def test_results_and_gradients_equal_those_of_keras(kind, go_backwards, masked, training):
    layers = [
        made(kind, go_backwards=go_backwards),
        keras_own(kind, go_backwards=go_backwards),
    ]
    for layer in layers:
        layer.build(INPUTS.shape)
        randomize(layer, seed=3)
    state = [normal(4, UNITS, seed=4), normal(4, UNITS, seed=5)][: 1 if kind == "gru" else 2]
    state = None if masked else state
    mask = ops.convert_to_tensor(MASK) if masked else None
    (found, slopes), (expected, expected_slopes) = (
        results(layer, INPUTS, mask, state, training) for layer in layers
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    for one, other in zip(slopes, expected_slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@every_kind
def test_the_gradient_of_recurrent_weights_equals_finite_differences(kind):
    layer = made(kind)
    layer.build(INPUTS.shape)
    randomize(layer, seed=6)
    variable = next(v for v in layer.trainable_variables if "recurrent_kernel" in v.path)

    def total(inputs):
        return weighted_sum(layer(inputs, training=True)[:1], [WEIGHTS])

    _, (slope, _) = gradients(total, [variable], INPUTS)
    direction, width = normal(*slope.shape, seed=7), 1e-2
    start, ends = ops.convert_to_numpy(variable.value), []
    for sign in (1, -1):
        variable.assign(start + sign * width * direction)
        ends.append(float(to_numpy(total(INPUTS))))
    expected = (ends[0] - ends[1]) / (2 * width)
    assert (slope * direction).sum() == pytest.approx(expected, abs=5e-3)


@tensorflow_only("only TensorFlow graphs have unknown shapes")
@every_kind
@pytest.mark.parametrize("rows", [4, 0])
def test_a_graph_of_unknown_shapes_has_the_same_gradients(kind, rows):
    import tensorflow as tf

    layer = made(kind)
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
    signature = [tf.TensorSpec(*kind) for kind in kinds]
    graph = tf.function(slopes, input_signature=signature, autograph=False)
    arguments = [tf.constant(x[:rows]) for x in (INPUTS, MASK, WEIGHTS)]
    for one, other in zip(graph(*arguments), slopes(*arguments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.fixture
def loops(monkeypatch):
    """Record the calls of our own loop."""
    calls, name = [], "run_steps" if BACKEND == "torch" else "_loop"
    run = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given: calls.append(given) or run(*given))
    return calls


not_on_jax = pytest.mark.skipif(BACKEND == "jax", reason="JAX uses Keras's loop")


@not_on_jax
@every_kind
def test_the_settings_of_recipes_use_our_loop(kind, loops):
    made(kind)(INPUTS, mask=ops.convert_to_tensor(MASK), training=True)
    assert len(loops) == 1


@not_on_jax
@every_kind
def test_an_encoder_uses_our_loop_in_both_directions(kind, loops):
    BiLSTMEncoder(UNITS, **KINDS[kind])(INPUTS, mask=ops.convert_to_tensor(MASK))
    assert len(loops) == 2


@every_kind
def test_an_encoder_equals_the_bidirectional_layer_of_keras(kind):
    """Compare all outputs, which are zeros where the mask is False, for each form of mask."""
    layers = [keras.layers.Bidirectional(make(kind)) for make in (made, keras_own)]
    for layer in layers:
        layer.build(INPUTS.shape)
        randomize(layer, seed=3)
    for mask in (MASK, MASK[:, ::-1], np.zeros_like(MASK)):
        mask = ops.convert_to_tensor(np.ascontiguousarray(mask))
        assert_close(*(layer(INPUTS, mask=mask) for layer in layers), atol=2e-6)


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
def test_unsupported_settings_use_the_loop_of_keras(settings, loops):
    layer = HoistedLSTM(UNITS, return_sequences=True, seed=1, **settings)
    layer(INPUTS, training=True)
    assert not loops


@every_kind
def test_the_layer_equals_its_cell_step_by_step(kind):
    layer = made(kind, 4)
    x = np.random.default_rng(2).normal(size=(2, 5, 3)).astype("float32")
    outputs, *last = layer(x)
    state = [np.zeros((2, 4), "float32")] * len(last)
    for t in range(5):
        step, state = layer.cell(x[:, t], state)
        np.testing.assert_allclose(
            ops.convert_to_numpy(outputs[:, t]), ops.convert_to_numpy(step), atol=1e-5
        )
    np.testing.assert_allclose(to_numpy(last[-1]), to_numpy(state[-1]), atol=1e-5)


@every_kind
def test_recurrent_dropout_is_active_only_in_training(kind):
    keras.utils.set_random_seed(3)
    lstm = made(kind, 8, recurrent_dropout=0.5)
    x = np.random.default_rng(3).normal(size=(2, 5, 3)).astype("float32")
    still = [ops.convert_to_numpy(lstm(x, training=False)[0]) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert not np.allclose(ops.convert_to_numpy(lstm(x, training=True)[0]), still[0])


def test_make_recurrent_returns_the_layer_of_the_requested_kind():
    assert isinstance(made("lstm"), HoistedLSTM) and isinstance(made("gru"), HoistedGRU)
    assert isinstance(made("norm").cell, LayerNormLSTMCell)


def test_saved_layers_are_restored_with_their_class():
    for layer in (HoistedLSTM(UNITS), HoistedGRU(UNITS), HoistedRNN(LayerNormLSTMCell(UNITS))):
        stored = keras.saving.serialize_keras_object(layer)
        assert type(keras.saving.deserialize_keras_object(stored)) is type(layer)


def test_a_gru_that_resets_before_the_product_uses_the_loop_of_keras(loops):
    HoistedGRU(UNITS, reset_after=False)(INPUTS, training=True)
    assert not loops
