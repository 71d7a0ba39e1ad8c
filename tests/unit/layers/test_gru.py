"""GRUs in the encoders, the bridge and the decoder cells are compared with Keras's own GRU."""

import keras
import numpy as np
import pytest
from keras import ops
from support import assert_close, check_layer, normal, randomize, to_numpy

from keras_attention import (
    AttentionCell,
    BiLSTMEncoder,
    Bridge,
    DecoderState,
    GNMTCell,
    GNMTEncoder,
    LuongAttention,
)
from keras_attention.layers.recurrent import make_recurrent, masked_step

LENGTHS = (4, 2)
INPUTS = normal(2, 4, 3, seed=1)
MASK = np.arange(4) < np.array(LENGTHS)[:, None]
MEMORY = normal(2, 5, 6, seed=2)


def make_keras_gru(layer, **options):
    """Return a Keras GRU with the weights of a layer of this package."""
    gru = keras.layers.GRU(layer.units, return_sequences=True, return_state=True, **options)
    gru.build((None, None, layer.cell.kernel.shape[0]))
    gru.set_weights(layer.get_weights())
    return gru


def test_the_encoder_equals_a_keras_gru():
    encoder = BiLSTMEncoder(4, rnn="gru")
    encoder.build((None, None, 3))
    both = randomize(encoder).bidirectionals[0]
    memory, ((ahead_h, back_h),) = to_numpy(encoder(INPUTS, mask=MASK))
    ahead, last_ahead = make_keras_gru(both.forward_layer)(INPUTS, mask=MASK)
    back, last_back = make_keras_gru(both.backward_layer, go_backwards=True)(INPUTS, mask=MASK)
    expected = to_numpy(ops.concatenate([ahead, ops.flip(back, axis=1)], axis=-1))
    assert_close(memory[MASK], expected[MASK])
    assert_close((ahead_h, back_h), (last_ahead, last_back))


def test_a_decoder_step_equals_keras_gru_cells():
    cell = AttentionCell(4, layers=2, rnn="gru")
    cell.build((None, 3), (None, None, 6))
    states = ((normal(2, 4, seed=3),), (normal(2, 4, seed=4),))
    output, state, _ = randomize(cell)(INPUTS[:, 0], cell.initial_state(states), MEMORY)
    first, _ = make_keras_gru(cell.lstms[0]).cell(INPUTS[:, 0], list(states[0]))
    second, _ = make_keras_gru(cell.lstms[1]).cell(first, list(states[1]))
    assert_close((output, state.layers), (ops.add(first, second), ((first,), (second,))))


def test_recurrent_dropout_applies_only_to_the_gates():
    layer = make_recurrent(4, rnn="gru", dtype="float32")
    layer.build((None, None, 3))
    keras_cell = keras.layers.GRUCell(4, recurrent_dropout=0.5)
    keras_cell.build((None, 3))
    keras_cell.set_weights(randomize(layer).get_weights())
    mask, h = 2 * np.eye(4, dtype="float32")[[1, 2]], normal(2, 4, seed=5)
    keras_cell.get_recurrent_dropout_mask = lambda _: [mask] * 3
    expected, _ = keras_cell(INPUTS[:, 0], [h], training=True)
    assert_close(
        masked_step(layer.cell, ops.convert_to_tensor(INPUTS[:, 0]), (h,), mask)[0], expected
    )


def test_all_steps_at_once_equal_single_steps():
    cell = AttentionCell(4, LuongAttention("general"), layers=2, rnn="gru")
    cell.build((None, 3), (None, None, 6))
    randomize(cell)
    first = cell.initial_state(((normal(2, 4, seed=6),), (normal(2, 4, seed=7),)))
    memory, inputs = (ops.convert_to_tensor(x) for x in (MEMORY, INPUTS))
    outputs, last, _ = cell.all_steps(inputs, first, memory, None, cell.project(memory))
    state = first
    for t in range(4):
        output, state, _ = cell(inputs[:, t], state, memory)
        assert_close(outputs[:, t], output)
    assert_close(last, state)


@pytest.mark.parametrize("kind", ["dense", "copy", "zero"])
def test_the_bridge_returns_one_tensor_per_layer(kind):
    states = to_numpy(GNMTEncoder(4, layers=2, rnn="gru")(INPUTS)[1])
    bridge = Bridge(4, layers=3, kind=kind, state_parts=1)
    bridge.build([[x.shape for x in state] for state in states])
    bridged = to_numpy(bridge(states))
    assert [[h.shape for h in state] for state in bridged] == [[(2, 4)]] * 3
    if kind == "copy":
        assert_close(bridged[0], (np.concatenate(states[0], -1),))


def test_the_single_tensor_of_a_gru_state_becomes_both_tensors_of_an_lstm_state():
    mean = normal(2, 4, seed=8)
    assert_close(Bridge(4, kind="copy")(((mean,),)), ((mean, mean),))


@pytest.mark.parametrize("layer", [AttentionCell, GNMTCell])
def test_cells_pass_the_checks_for_every_layer(layer, tmp_path):
    cell = layer(4, LuongAttention("general"), layers=2, rnn="gru")
    state = DecoderState(((normal(2, 4, seed=9),), (normal(2, 4, seed=10),)))
    check_layer(cell, INPUTS[:, 0], state, MEMORY, tmp_path=tmp_path)


@pytest.mark.parametrize("layer", [BiLSTMEncoder, GNMTEncoder])
def test_encoders_pass_the_checks_for_every_layer(layer, tmp_path):
    encoder = layer(4, layers=2, rnn="gru", recurrent_dropout=0.2)
    check_layer(encoder, INPUTS, MASK, tmp_path=tmp_path)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"`rnn` must be one of 'lstm', 'gru'\. .*rnn='elman'"):
        BiLSTMEncoder(4, rnn="elman")
    with pytest.raises(ValueError, match=r"`layer_norm` requires rnn='lstm'\. .*rnn='gru'"):
        AttentionCell(4, rnn="gru", layer_norm=True)
