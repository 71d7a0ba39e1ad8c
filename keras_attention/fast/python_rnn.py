"""The loop of LSTM and GRU layers on PyTorch, which runs without a compiled graph.

In each step, Keras's loop on PyTorch multiplies the inputs by their weights, calls the cell as a
layer, and uses a tensor as the index of the step. Our loop projects the inputs of all steps in one
product before the loop. Each step runs only the operations of the recurrence.

This module relies on `inner_loop` of Keras's recurrent layers, like `hoisted_rnn`. Delete it when
Keras's loop on PyTorch does the same.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_attention.ops.masking import Tensor
from keras_attention.ops.recurrence import next_state, project_inputs, recurrent_bias, widen


def run_steps(
    cell: Any,
    sequences: Tensor,
    initial_state: Sequence[Tensor],
    mask: Tensor | None,
    go_backwards: bool,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Run a recurrence in a Python loop.

    Args:
        cell: a cell that `ops.recurrence` supports.
        sequences: `[B, T, E]`.
        initial_state: `(h, c)` of an LSTM, `(h,)` of a GRU, each `[B, units]`.
        mask: `[B, T]`, or None. A masked step keeps the state, and its output is `h`.
        go_backwards: whether the last step is the first one.

    Returns:
        The last output, all outputs `[B, T, units]` in processing order, and the last state.
    """
    steps = [ops.unstack(project_inputs(cell, ops.cast(sequences, cell.compute_dtype)), axis=1)]
    if mask is not None:
        steps.append(ops.unstack(ops.expand_dims(ops.cast(mask, "bool"), -1), axis=1))
    if go_backwards:
        steps = [each[::-1] for each in steps]
    kernel, bias = ops.cast(cell.recurrent_kernel, cell.compute_dtype), recurrent_bias(cell)
    state, outputs = [widen(each) for each in initial_state], []
    for projected, *real in zip(*steps, strict=True):
        recurrent = ops.matmul(ops.cast(state[0], kernel.dtype), kernel)
        recurrent = recurrent if bias is None else recurrent + bias
        new: Sequence[Tensor] = next_state(cell, projected, recurrent, state)
        if real:
            new = [ops.where(real[0], *both) for both in zip(new, state, strict=True)]
        state = list(new)
        outputs.append(ops.cast(state[0], kernel.dtype))
    return outputs[-1], ops.stack(outputs, axis=1), [ops.cast(s, kernel.dtype) for s in state]
