"""Weights of lower precision in a TFLite file: the same for all weights, or chosen for each."""

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
"""A function that returns the precision for weights `[rows, columns]`."""

LEAST_SIZE = 1024
"""Matrices with fewer numbers are not changed, because that would save almost nothing."""


def lower(model: Any, choose: Choose) -> None:
    """Change the precision of the matrices and embeddings of a float32 model.

    TFLite's own converter supports only one precision for a whole file, must convert again for each
    precision, and stores a table twice if the table holds both the embeddings and the output
    projection. `ai-edge-quantizer` leaves embeddings in float32. Here all uses of a matrix read one
    buffer; int8 has one scale per row.

    - "float16": half the size; computed in float32.
    - "int8": a quarter of the size; the inputs of a product are rounded to int8 at run time too.
    - "int8_weights": a quarter of the size; computed in float32.

    For embeddings, "int8" and "int8_weights" are the same, because a lookup computes no product.

    Args:
        model: the result of `read_flat_file`, which is changed in place.
        choose: returns the precision of each matrix.
    """
    weights = _Weights(model, choose)
    for subgraph in model.subgraphs:
        _Rewriter(model, subgraph, weights).run()


class _Weights:
    """The weights of a model in their chosen precisions; each new buffer is made only once."""

    def __init__(self, model: Any, choose: Choose) -> None:
        self._model = model
        self.precision = cache(lambda *key: choose(self._read(*key)))
        self.float16 = cache(lambda *key: add_buffer(model, self._read(*key).astype("float16")))
        self.int8 = cache(self._int8)

    def holds(self, tensor: Any) -> bool:
        """Return whether a tensor is a matrix of weights with at least `LEAST_SIZE` numbers."""
        data = self._model.buffers[tensor.buffer].data
        large = data is not None and len(data) >= 4 * LEAST_SIZE
        return large and tensor.type == TYPES.FLOAT32 and len(tensor.shape) == 2

    def _int8(self, *key: Any) -> tuple[int, int, SharedScales]:
        """Store weights as int8 numbers with one scale per row.

        Returns:
            The index of the buffer of numbers, the index of the buffer of scales, and the scales.
        """
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
    """A rewriter that makes the operators of one subgraph read weights in another precision."""

    def __init__(self, model: Any, subgraph: Any, weights: _Weights) -> None:
        self._model, self._subgraph, self._weights = model, subgraph, weights
        self._operators: list[Any] = []
        self._floats: dict[tuple[int, str], int] = {}

    def run(self) -> None:
        """Rewrite every operator that reads weights."""
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
        """Add operators that look up rows in int8 and multiply each by its scale."""
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
        """Return the buffer and shape of a tensor of weights, and its chosen precision."""
        tensor = self._subgraph.tensors[place]
        key = int(tensor.buffer), tuple(map(int, tensor.shape))
        return key, self._weights.precision(*key)

    def _as_float(self, key: Any, precision: str) -> int:
        """Return a float32 tensor of the weights, which the runtime computes once."""
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
    operator.inputs = operator.inputs.copy()  # the original is a read-only view of the file
    operator.inputs[place] = tensor
