"""The step of a recurrent cell in two parts: the projection of the inputs, and the next state.

The first part does not depend on the state, so a loop over time can compute it for all steps at
once. Our own cells define both parts as the methods `project_inputs` and `next_state`; this module
defines them for Keras's cells.

In mixed precision, only the matrix products are computed in 16 bits. Gates and states are float32:
the sums over time keep their precision, and TensorFlow computes `tanh`, `sigmoid` and their
gradients faster than in 16 bits (`benchmarks/README.md`, "Training in bfloat16").
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import backend, ops

from keras_attention.ops.loop_products import product
from keras_attention.ops.masking import Tensor


def project_inputs(cell: Any, inputs: Tensor) -> Tensor:
    """Project inputs `[B, E]` to the gates: `[B, 4 * units]`, or `[B, 3 * units]` in a GRU."""
    if hasattr(cell, "project_inputs"):
        return cell.project_inputs(inputs)
    bias = cell.bias[0] if isinstance(cell, keras.layers.GRUCell) else cell.bias
    return product(inputs, cell.kernel) + ops.cast(bias, inputs.dtype)


def recurrent_bias(cell: Any) -> Tensor | None:
    """Return the bias a GRU adds to its recurrent product, `[3 * units]`; `None` for an LSTM."""
    if not isinstance(cell, keras.layers.GRUCell):
        return None
    return ops.cast(cell.bias[1], cell.compute_dtype)


def state_dtype(compute_dtype: str) -> str:
    """Return the dtype of gates and states: float32 if the products are computed in 16 bits."""
    return "float32" if compute_dtype in ("float16", "bfloat16") else compute_dtype


def widen(x: Tensor) -> Tensor:
    """Return `x` in the `state_dtype` of its dtype."""
    return ops.cast(x, state_dtype(backend.standardize_dtype(x.dtype)))


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

    Returns:
        A state like `state`, in the same dtype. It is computed in at least float32.
    """
    if hasattr(cell, "next_state"):
        return cell.next_state(projected, recurrent, state)  # type: ignore[no-any-return]
    projected, recurrent = widen(projected), widen(recurrent)
    if isinstance(cell, keras.layers.GRUCell):
        return gru_step(projected, recurrent, state[0])
    return lstm_step(projected + recurrent, state[1])


def lstm_step(
    gates: Tensor, c: Tensor, normalize: Callable[[Tensor], Tensor] = lambda c: c
) -> tuple[Tensor, Tensor]:
    """Return `(h, c)` in the dtype of `c`; `normalize` is applied before the last tanh.

    Args:
        gates: `[B, 4 * units]`, at least float32.
        c: `[B, units]`.
        normalize: function of the new `c`.
    """
    dtype, (i, f, g, o) = c.dtype, ops.split(gates, 4, axis=-1)
    c = ops.sigmoid(f) * widen(c) + ops.sigmoid(i) * ops.tanh(g)
    h = ops.sigmoid(o) * ops.tanh(widen(normalize(c)))
    return ops.cast(h, dtype), ops.cast(c, dtype)


def gru_step(projected: Tensor, recurrent: Tensor, h: Tensor) -> tuple[Tensor]:
    """Return `(h,)` in the dtype of `h`; the reset gate scales `U h`.

    Args:
        projected: part of the gates `[B, 3 * units]`, at least float32.
        recurrent: the other part, likewise.
        h: `[B, units]`.
    """
    dtype, h = h.dtype, widen(h)
    projected_z, projected_r, projected_g = ops.split(projected, 3, axis=-1)
    recurrent_z, recurrent_r, recurrent_g = ops.split(recurrent, 3, axis=-1)
    z, r = ops.sigmoid(projected_z + recurrent_z), ops.sigmoid(projected_r + recurrent_r)
    return (ops.cast(z * h + (1 - z) * ops.tanh(projected_g + r * recurrent_g), dtype),)
