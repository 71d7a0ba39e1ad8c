"""The step of a recurrent cell in two parts: the projection of the inputs, and the next state.

The first part does not depend on the state, so a loop over time can compute it for all steps at
once. Our own cells define both parts as the methods `project_inputs` and `next_state`; this module
defines them for Keras's cells.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


def project_inputs(cell: Any, inputs: Tensor) -> Tensor:
    """Project inputs `[B, E]` to the gates: `[B, 4 * units]`, or `[B, 3 * units]` in a GRU."""
    if hasattr(cell, "project_inputs"):
        return cell.project_inputs(inputs)
    bias = cell.bias[0] if isinstance(cell, keras.layers.GRUCell) else cell.bias
    kernel, bias = (ops.cast(weight, inputs.dtype) for weight in (cell.kernel, bias))
    return ops.matmul(inputs, kernel) + bias


def recurrent_bias(cell: Any) -> Tensor | None:
    """Return the bias a GRU adds to its recurrent product, `[3 * units]`; `None` for an LSTM."""
    if not isinstance(cell, keras.layers.GRUCell):
        return None
    return ops.cast(cell.bias[1], cell.compute_dtype)


def next_state(
    cell: Any, projected: Tensor, recurrent: Tensor, state: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Return the next state of a cell whose activations are tanh and sigmoid.

    Args:
        cell: a `keras.layers.LSTMCell`, a `keras.layers.GRUCell` with `reset_after`, or a cell
            with a method `next_state`.
        projected: the result of `project_inputs`.
        recurrent: the product of `h` and the recurrent kernel, plus `recurrent_bias` in a GRU.
        state: `(h, c)` of an LSTM, `(h,)` of a GRU, each `[B, units]`.
    """
    if hasattr(cell, "next_state"):
        return cell.next_state(projected, recurrent, state)  # type: ignore[no-any-return]
    if isinstance(cell, keras.layers.GRUCell):
        return gru_step(projected, recurrent, state[0])
    return lstm_step(projected + recurrent, state[1])


def lstm_step(
    gates: Tensor, c: Tensor, normalize: Callable[[Tensor], Tensor] = lambda c: c
) -> tuple[Tensor, Tensor]:
    """Return `(h, c)` for gates `[B, 4 * units]`; `normalize` is applied before the last tanh."""
    i, f, g, o = ops.split(gates, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(normalize(c)), c


def gru_step(projected: Tensor, recurrent: Tensor, h: Tensor) -> tuple[Tensor]:
    """Return `(h,)` for both parts `[B, 3 * units]` of the gates; the reset gate scales `U h`."""
    projected_z, projected_r, projected_g = ops.split(projected, 3, axis=-1)
    recurrent_z, recurrent_r, recurrent_g = ops.split(recurrent, 3, axis=-1)
    z, r = ops.sigmoid(projected_z + recurrent_z), ops.sigmoid(projected_r + recurrent_r)
    return (z * h + (1 - z) * ops.tanh(projected_g + r * recurrent_g),)
