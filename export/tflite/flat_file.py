"""A TFLite file as objects that can be changed, and back."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

OPERATORS, TYPES = schema.BuiltinOperator, schema.TensorType

_VERSIONS = {
    OPERATORS.FULLY_CONNECTED: 12,  # the first with a scale a row beside inputs of float32
    OPERATORS.DEQUANTIZE: 3,
    OPERATORS.GATHER: 3,
    OPERATORS.CAST: 1,
    OPERATORS.MUL: 1,
    OPERATORS.FILL: 1,
}


def read_flat_file(file_bytes: bytes) -> Any:
    """The model as the schema's objects."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(file_bytes, 0))


def pack_flat_file(model: Any) -> bytes:
    """The model as a file."""
    builder = _Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def pack_part(part: Any) -> bytes:
    """One of the schema's objects as bytes, to be compared with others."""
    builder = _Builder(1 << 10)
    builder.Finish(part.Pack(builder))
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Puts what buffers hold at multiples of 16 bytes, as the schema asks and Python forgets."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802,N803
        """Begins a vector; those of single bytes are the data of buffers."""
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


class SharedScales(schema.QuantizationParametersT):  # type: ignore[misc]
    """A scale a row, written once for all the tensors of several graphs that read one matrix."""

    def __init__(self, scales: npt.NDArray[np.float32]) -> None:
        super().__init__(scale=scales, zeroPoint=np.zeros(len(scales), "int64"))
        self._written: tuple[Any, int] | None = None

    def Pack(self, builder: Any) -> int:  # noqa: N802
        """Writes it, or tells where it was written before."""
        if self._written is None or self._written[0] is not builder:
            self._written = builder, super().Pack(builder)
        return self._written[1]


def kind_of(model: Any, operator: Any) -> int:
    """Which of `OPERATORS` an operator is."""
    return _number(model.operatorCodes[operator.opcodeIndex])


def _number(code: Any) -> int:
    # Files of before 2020 have it in another field.
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def operator_code(model: Any, kind: int) -> int:
    """The place of an operator's code among the model's; a new one where it must be newer."""
    codes, version = model.operatorCodes, _VERSIONS[kind]
    for place, code in enumerate(codes):
        if _number(code) == kind and code.version >= version:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = kind, min(kind, 127)
    code.version = version
    codes.append(code)
    return len(codes) - 1


def make_operator(
    model: Any, kind: int, inputs: list[int], output: int, options: Any = None
) -> Any:
    """An operator with one output."""
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, kind)
    operator.inputs, operator.outputs = np.array(inputs, "int32"), np.array([output], "int32")
    if options is not None:
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
    return operator


def add_buffer(model: Any, array: npt.NDArray[Any]) -> int:
    """Keeps an array's bytes; returns their place."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(array.tobytes(), "uint8")
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def add_tensor(subgraph: Any, shape: Any, dtype: int = TYPES.FLOAT32, buffer: int = 0) -> int:
    """A tensor of a subgraph; returns its place. The buffer at 0 is the empty one."""
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = np.array(shape, "int32"), dtype, buffer
    subgraph.tensors.append(tensor)
    return len(subgraph.tensors) - 1
