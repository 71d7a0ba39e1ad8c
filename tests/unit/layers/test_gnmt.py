"""GNMT's encoder and decoder cell are compared with the paper's equations in NumPy."""

import numpy as np
import pytest
from reference import attend, lstm, lstm_step
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

from keras_attention import AttentionDecoder, DecoderState, GNMTCell, GNMTEncoder, LuongAttention

LENGTHS = (4, 2)
SOURCE = normal(2, 4, 3, seed=1)
MASK = np.arange(4) < np.array(LENGTHS)[:, None]
TARGET, MEMORY = normal(2, 3, 3, seed=2), normal(2, 4, 6, seed=3)


def encoder(**options):
    layer = GNMTEncoder(4, **{"layers": 4, **options})
    layer(symbols(SOURCE))
    return randomize(layer)


def encode(layer, inputs, mask):
    return to_numpy(evaluated(lambda x, mask: layer(x, mask=mask), layer)(inputs, mask))


def encoded(layer, row):
    """Return memory and states of one unpadded row, with residual connections from layer 3 on."""
    both = layer.bidirectional
    ahead, ahead_state = lstm(row, doubles(*both.forward_layer.weights))
    back, back_state = lstm(row[::-1], doubles(*both.backward_layer.weights))
    concat = layer.merge == "concat"
    x = np.concatenate([ahead, back[::-1]], -1) if concat else ahead + back[::-1]
    states = [(*ahead_state, *back_state)]
    for number, above in enumerate(layer.lstms, 2):
        outputs, state = lstm(x, doubles(*above.weights))
        x = x + outputs if number >= 3 else outputs
        states.append(state)
    return x, states


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("layers", [1, 4])
def test_the_encoder_equals_the_papers_equations_for_each_row(merge, layers):
    layer = encoder(merge=merge, layers=layers)
    memory, states = encode(layer, SOURCE, MASK)
    for row, length in enumerate(LENGTHS):
        expected, expected_states = encoded(layer, SOURCE[row, :length].astype("float64"))
        assert_close(memory[row, :length], expected.astype("float32"), rtol=1e-4)
        for state, values in zip(states, expected_states, strict=True):
            np.testing.assert_allclose([part[row] for part in state], values, rtol=1e-4, atol=1e-6)


def test_more_padding_does_not_change_the_encoders_results():
    layer = encoder()
    memory, states = encode(layer, SOURCE, MASK)
    padded = np.concatenate([SOURCE, 100 * normal(2, 3, 3, seed=4)], axis=1)
    longer, longer_states = encode(layer, padded, np.pad(MASK, ((0, 0), (0, 3))))
    assert_close(longer[:, :4][MASK], memory[MASK])
    assert_close(longer_states, states)


def test_dropout_between_encoder_layers_is_active_only_in_training():
    layer, plain = encoder(dropout=0.5), encoder()
    training = evaluated(lambda x: layer(x, training=True)[0], layer)
    expected = encode(plain, SOURCE, MASK)
    assert_close(encode(layer, SOURCE, MASK), expected)
    assert np.abs(to_numpy(training(SOURCE)) - expected[0]).max() > 1e-3


def cell(layers=4, **options):
    layer = GNMTCell(4, LuongAttention(), layers=layers, **options)
    layer(*symbols((TARGET[:, 0], state(layers), MEMORY)))
    return randomize(layer)


def state(layers):
    return DecoderState(
        tuple((normal(2, 4, seed=5 + i), normal(2, 4, seed=15 + i)) for i in range(layers))
    )


def stepped(layer, inputs, before):
    """Return output, state and alignment of one step, as in section 3 of the paper.

    The query is the bottom layer's previous `h`, and every layer gets the context.
    """
    (W,) = doubles(layer.attention.key_projection.kernel)
    query = before.layers[0][0][:, None]
    context, alignment = attend(lambda h, k, s: h @ W.T @ k, query, MEMORY, MASK)
    context, x, new = context[:, 0], inputs, []
    for number, (each, old) in enumerate(zip(layer.lstms, before.layers, strict=True), 1):
        fed = np.concatenate([x, context], -1)
        new.append(lstm_step(fed, old, doubles(*each.cell.weights)))
        x = x + new[-1][0] if number >= 3 else new[-1][0]
    output = x
    if layer.deep_output:
        (V,) = doubles(layer.attentional_projection.kernel)
        output = np.tanh(np.concatenate([context, x, inputs], -1) @ V)
    return output, DecoderState(tuple(new)), alignment[:, 0]


@pytest.mark.parametrize("options", [{}, {"deep_output": True, "attention_units": 5}])
@pytest.mark.parametrize("layers", [1, 4])
def test_the_cell_equals_the_papers_equations(layers, options):
    layer = cell(layers, **options)
    assert layer.output_width == options.get("attention_units", 4)
    step = evaluated(layer, layer)
    actual = to_numpy(step(TARGET[:, 0], state(layers), MEMORY, MASK))
    assert_close(actual, stepped(layer, TARGET[:, 0], state(layers)), rtol=1e-4)


def test_the_decoder_loops_over_the_cell():
    layer = cell()
    assert layer.recurrent
    decoder = AttentionDecoder(layer)
    run = evaluated(lambda *arrays: decoder(*arrays), decoder)
    outputs, alignment, last = to_numpy(run(TARGET, state(4), MEMORY, MASK))
    expected = state(4)
    for t in range(3):
        output, expected, weights = stepped(layer, TARGET[:, t], expected)
        assert_close((outputs[:, t], alignment[:, t]), (output, weights), rtol=1e-4, atol=1e-5)
    assert_close(last, expected, rtol=1e-4, atol=1e-5)


def test_the_cell_and_the_encoder_pass_the_checks_for_every_layer(tmp_path):
    layer = GNMTCell(4, LuongAttention(), layers=3, deep_output=True)
    check_layer(layer, TARGET[:, 0], state(3), MEMORY, MASK, tmp_path=tmp_path)
    layer = GNMTEncoder(4, layers=3, dropout=0.1, layer_norm=True)
    check_layer(layer, SOURCE, MASK, tmp_path=tmp_path)


def test_errors_name_the_wrong_argument():
    with pytest.raises(TypeError, match=r"`attention` must be an AttentionMechanism.*=None"):
        GNMTCell(4, None)
    with pytest.raises(ValueError, match=r"`units` must be even with merge='concat'"):
        GNMTEncoder(5)
    with pytest.raises(ValueError, match=r"`layers` must be a positive integer.*layers=0"):
        GNMTEncoder(4, layers=0)
