"""LSTM and GRU layers for encoders and decoder cells."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.fast.hoisted_rnn import HoistedGRU, HoistedLSTM, HoistedRNN
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell
from keras_attention.ops.loop_products import product
from keras_attention.ops.masking import Tensor
from keras_attention.ops.recurrence import next_state, project_inputs, recurrent_bias
from keras_attention.settings.layer_rules import check_rnn


def make_recurrent(
    units: int,
    *,
    rnn: str = "lstm",
    layer_norm: bool = False,
    recurrent_dropout: float = 0.0,
    dtype: Any,
    **kwargs: Any,
) -> keras.layers.RNN:
    """Return a layer that returns all its outputs and its last state; its `.cell` runs one step.

    Args:
        units: width of the state, a positive integer.
        rnn: `"lstm"`, or `"gru"` with the reset gate applied after the product, as in cuDNN.
        layer_norm: whether the cell is a `LayerNormLSTMCell`.
        recurrent_dropout: rate in [0, 1) on the previous `h`.
        dtype: dtype policy of the layer and its cell.
        **kwargs: arguments of `keras.layers.RNN`.

    Raises:
        SettingError: if `rnn` is unknown, or if layer normalisation is set for a GRU.
    """
    check_rnn(rnn, layer_norm)
    over_time = {"return_sequences": True, "return_state": True, "dtype": dtype, **kwargs}
    if layer_norm:
        cell = LayerNormLSTMCell(units, recurrent_dropout=recurrent_dropout, dtype=dtype)
        return HoistedRNN(cell, **over_time)
    layer = HoistedLSTM if rnn == "lstm" else HoistedGRU
    return layer(units, recurrent_dropout=recurrent_dropout, **over_time)


def masked_step(
    cell: Any, inputs: Tensor, state: Sequence[Tensor], mask: Tensor | None
) -> tuple[Tensor, ...]:
    """Run one step whose gates receive the previous `h` times `mask`.

    Args:
        cell: the `.cell` of a layer that `make_recurrent` returned.
        inputs: `[B, E]`.
        state: `(h, c)` or `(h,)`, each `[B, units]`.
        mask: dropout mask `[B, units]`, or `None`.

    Returns:
        The next state, whose `h` is the output.
    """
    inputs, h = (ops.cast(x, cell.compute_dtype) for x in (inputs, state[0]))
    h = h if mask is None else h * mask
    recurrent, bias = product(h, cell.recurrent_kernel), recurrent_bias(cell)
    recurrent = recurrent if bias is None else recurrent + bias
    return next_state(cell, project_inputs(cell, inputs), recurrent, state)
