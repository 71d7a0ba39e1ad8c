"""In mixed precision, recurrent states are sums over many steps, so they must stay float32."""

import keras
import numpy as np
import pytest
from keras import ops
from support import BACKEND

from keras_attention import AttentionCell, AttentionDecoder, BahdanauAttention
from keras_attention.layers.recurrent import make_recurrent

STEPS, STEP = 400, 0.004
RNNS = ("lstm", "gru")
every_rnn = pytest.mark.parametrize("rnn", RNNS)


def accumulates(cell):
    """Set the weights so that each step adds `STEP` to the state, and none is forgotten.

    A bfloat16 has 8 significant bits: near 1, it rounds the sum with `STEP` to the same number.
    """
    for kernel in (cell.kernel, cell.recurrent_kernel):
        kernel.assign(np.zeros(kernel.shape, "float32"))
    bias = np.zeros(cell.bias.shape, "float32")
    if isinstance(cell, keras.layers.GRUCell):
        # `h' = z h + (1 - z) tanh(g)` with `g` large, so `1 - h` shrinks by a factor `z` per step.
        bias[0, :1], bias[0, -1] = -np.log(STEP), 20.0
    else:
        bias[:] = [20.0, 20.0, np.arctanh(STEP), 20.0]
    cell.bias.assign(bias)


def expected(rnn):
    return np.tanh(STEPS * STEP) if rnn == "lstm" else 1 - (1 / (1 + STEP)) ** STEPS


def last(outputs):
    return float(ops.cast(outputs[0, -1, 0], "float32"))


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX, Keras's own loop runs over the whole source")
@every_rnn
def test_layers_sum_in_float32(rnn):
    layer = make_recurrent(1, rnn=rnn, dtype="mixed_bfloat16")
    inputs = np.zeros((1, STEPS, 1), "float32")
    layer.build(inputs.shape)
    accumulates(layer.cell)
    for training in (False, True):
        outputs = layer(inputs, training=training)[0]
        assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
        assert last(outputs) == pytest.approx(expected(rnn), rel=0.01)


@every_rnn
def test_decoders_sum_in_float32(rnn):
    policy = "mixed_bfloat16"
    attention = BahdanauAttention(2, dtype=policy)
    cell = AttentionCell(1, attention, rnn=rnn, placement="before", dtype=policy)
    decoder = AttentionDecoder(cell, dtype=policy)
    inputs, memory = np.zeros((1, STEPS, 1), "float32"), np.zeros((1, 2, 1), "float32")
    decoder.build(inputs.shape, memory.shape)
    accumulates(cell.lstms[0].cell)
    start = cell.initial_state(
        (tuple(np.zeros((1, 1), "float32") for _ in range(cell.state_parts)),)
    )
    for training in (False, True):
        outputs = decoder(inputs, start, memory, training=training)[0]
        assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
        assert last(outputs) == pytest.approx(expected(rnn), rel=0.01)
