"""Smaller weights in a TFLite file: one precision for all of them, or one for each part."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from .flat_file import (
    OPERATORS,
    TYPES,
    SharedScales,
    add_buffer,
    add_tensor,
    kind_of,
    make_operator,
    operator_code,
)

FLOAT32, FLOAT16, INT8, INT8_WEIGHTS = "float32", "float16", "int8", "int8_weights"

Array = npt.NDArray[Any]
Choose = Callable[[Array], str]
"""The precision that weights `[rows, columns]` are to have."""

LEAST_SIZE = 1024
"""Weights of fewer numbers stay as they are: there is nothing to gain."""


def lower(model: Any, choose: Choose) -> None:
    """Rewrites the matrices and the embeddings of a float32 model in other precisions.

    The converter knows one precision for a whole file, converts anew for each, and stores a table
    twice that serves as embeddings and as output projection; `ai-edge-quantizer` leaves embeddings
    in float32. Here every use of one matrix reads one buffer, in int8 with one scale a row.

    - "float16": halved; computed in float32.
    - "int8": a quarter; what is multiplied is rounded too, to int8, as it comes.
    - "int8_weights": a quarter; computed in float32.

    Embeddings are looked up, not multiplied, so that the last two are the same for them.

    Args:
        model: what `read_flat_file` gave; it is changed.
        choose: the precision of each.
    """
    weights = _Weights(model, choose)
    for subgraph in model.subgraphs:
        _Rewriter(model, subgraph, weights).run()


class _Weights:
    """The buffers of a model, each in the precision chosen for it; each is made once."""

    def __init__(self, model: Any, choose: Choose) -> None:
        self._model = model
        self.precision = cache(lambda *key: choose(self._read(*key)))
        self.float16 = cache(lambda *key: add_buffer(model, self._read(*key).astype("float16")))
        self.int8 = cache(self._int8)

    def holds(self, tensor: Any) -> bool:
        """Whether a tensor is a matrix of weights that is worth the while."""
        data = self._model.buffers[tensor.buffer].data
        large = data is not None and len(data) >= 4 * LEAST_SIZE
        return large and tensor.type == TYPES.FLOAT32 and len(tensor.shape) == 2

    def _int8(self, *key: Any) -> tuple[int, int, SharedScales]:
        """The buffers of the numbers and of their scales, and the scales of each row."""
        weights = self._read(*key)
        largest = np.abs(weights).max(axis=1)
        scales = (np.where(largest > 0, largest, 1) / 127).astype("float32")
        numbers = np.rint(weights / scales[:, np.newaxis]).astype("int8")
        stored = [add_buffer(self._model, array) for array in (numbers, scales)]
        return stored[0], stored[1], SharedScales(scales)

    def _read(self, buffer: int, shape: tuple[int, int]) -> Array:
        floats: Array = self._model.buffers[buffer].data.view("float32")
        return floats.reshape(shape)


class _Rewriter:
    """One subgraph, whose operators are made to read other weights."""

    def __init__(self, model: Any, subgraph: Any, weights: _Weights) -> None:
        self._model, self._subgraph, self._weights = model, subgraph, weights
        self._operators: list[Any] = []
        self._floats: dict[tuple[int, str], int] = {}

    def run(self) -> None:
        """Rewrites every operator that reads weights."""
        for operator in self._subgraph.operators:
            kind = kind_of(self._model, operator)
            if kind == OPERATORS.FULLY_CONNECTED and self._reads_weights(operator, 1):
                self._rewrite_product(operator)
            elif kind == OPERATORS.GATHER and self._reads_weights(operator, 0):
                self._rewrite_lookup(operator)
            else:
                self._operators.append(operator)
        self._subgraph.operators = self._operators

    def _reads_weights(self, operator: Any, place: int) -> bool:
        return self._weights.holds(self._subgraph.tensors[operator.inputs[place]])

    def _rewrite_product(self, operator: Any) -> None:
        key, precision = self._chosen(operator.inputs[1])
        if precision == INT8:
            _replace_input(operator, 1, self._int8(key))
            operator.builtinOptions.asymmetricQuantizeInputs = True
            operator.opcodeIndex = operator_code(self._model, OPERATORS.FULLY_CONNECTED)
        elif precision != FLOAT32:
            _replace_input(operator, 1, self._as_float(key, precision))
        self._operators.append(operator)

    def _rewrite_lookup(self, operator: Any) -> None:
        key, precision = self._chosen(operator.inputs[0])
        if precision in (INT8, INT8_WEIGHTS):
            self._look_up_int8(operator, key)
            return
        if precision == FLOAT16:
            _replace_input(operator, 0, self._as_float(key, precision))
        self._operators.append(operator)

    def _look_up_int8(self, operator: Any, key: Any) -> None:
        """The rows as they are stored, times the scale of each."""
        numbers, scales, _ = self._weights.int8(*key)
        ids, result, looked_up = operator.inputs[1], operator.outputs[0], operator.builtinOptions
        shape, size = self._subgraph.tensors[result].shape, key[1][0]
        rows, floats = self._tensor(shape, TYPES.INT8), self._tensor(shape)
        factors = self._tensor([*shape[:-1], 1])
        table = self._tensor(key[1], TYPES.INT8, numbers)
        self._emit(OPERATORS.GATHER, [table, ids], rows, looked_up)
        self._emit(OPERATORS.CAST, [rows], floats)
        table = self._tensor((size, 1), buffer=scales)
        self._emit(OPERATORS.GATHER, [table, ids], factors, looked_up)
        self._emit(OPERATORS.MUL, [floats, factors], result, schema.MulOptionsT())

    def _chosen(self, place: int) -> tuple[Any, str]:
        """The buffer and shape of a tensor of weights, and the precision for it."""
        tensor = self._subgraph.tensors[place]
        key = int(tensor.buffer), tuple(map(int, tensor.shape))
        return key, self._weights.precision(*key)

    def _as_float(self, key: Any, precision: str) -> int:
        """The weights as a tensor of float32, which the runtime makes once."""
        place = key[0], precision
        if place not in self._floats:
            if precision == FLOAT16:
                stored = self._tensor(key[1], TYPES.FLOAT16, self._weights.float16(*key))
            else:
                stored = self._int8(key)
            self._floats[place] = self._tensor(key[1])
            self._emit(OPERATORS.DEQUANTIZE, [stored], self._floats[place])
        return self._floats[place]

    def _int8(self, key: Any) -> int:
        numbers, _, scales = self._weights.int8(*key)
        place = self._tensor(key[1], TYPES.INT8, numbers)
        self._subgraph.tensors[place].quantization = scales
        return place

    def _tensor(self, shape: Any, dtype: int = TYPES.FLOAT32, buffer: int = 0) -> int:
        return add_tensor(self._subgraph, shape, dtype, buffer)

    def _emit(self, kind: int, inputs: list[int], output: int, options: Any = None) -> None:
        self._operators.append(make_operator(self._model, kind, inputs, output, options))


def _replace_input(operator: Any, place: int, tensor: int) -> None:
    operator.inputs = operator.inputs.copy()  # a view of the file until now
    operator.inputs[place] = tensor
