"""Conversion of a TFLite file's flat buffer to Python objects that can be changed, and back."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

OPERATORS, TYPES = schema.BuiltinOperator, schema.TensorType

_VERSIONS = {
    OPERATORS.FULLY_CONNECTED: 12,  # the first that supports a scale per row with float32 inputs
    OPERATORS.DEQUANTIZE: 3,
    OPERATORS.GATHER: 3,
    OPERATORS.CAST: 1,
    OPERATORS.MUL: 1,
    OPERATORS.FILL: 1,
}


def read_flat_file(file_bytes: bytes) -> Any:
    """Return the model as objects of the TFLite schema."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(file_bytes, 0))


def pack_flat_file(model: Any) -> bytes:
    """Return the flat buffer of a model."""
    builder = _Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def pack_part(part: Any) -> bytes:
    """Return the bytes of one of the schema's objects, to compare it with others."""
    builder = _Builder(1 << 10)
    builder.Finish(part.Pack(builder))
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that aligns buffers to 16 bytes.

    The schema requires this alignment, but the Python code generated from the schema omits it.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802,N803
        """Begin a vector. Vectors of single bytes are always the data of buffers, so align them."""
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


class SharedScales(schema.QuantizationParametersT):  # type: ignore[misc]
    """One scale per row, written once for all tensors that read the same matrix."""

    def __init__(self, scales: npt.NDArray[np.float32]) -> None:
        super().__init__(scale=scales, zeroPoint=np.zeros(len(scales), "int64"))
        self._written: tuple[Any, int] | None = None

    def Pack(self, builder: Any) -> int:  # noqa: N802
        """Write the scales once per builder, and return their offset."""
        if self._written is None or self._written[0] is not builder:
            self._written = builder, super().Pack(builder)
        return self._written[1]


def kind_of(model: Any, operator: Any) -> int:
    """Return the number of an operator's kind in `OPERATORS`."""
    return _number(model.operatorCodes[operator.opcodeIndex])


def _number(code: Any) -> int:
    # Files from before 2020 store the kind only in `deprecatedBuiltinCode`.
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def operator_code(model: Any, kind: int) -> int:
    """Return the index of an operator code of a sufficient version; add one if there is none."""
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
    """Return a new operator with one output."""
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, kind)
    operator.inputs, operator.outputs = np.array(inputs, "int32"), np.array([output], "int32")
    if options is not None:
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
    return operator


def add_buffer(model: Any, array: npt.NDArray[Any]) -> int:
    """Add a buffer with an array's bytes, and return its index."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(array.tobytes(), "uint8")
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def add_tensor(subgraph: Any, shape: Any, dtype: int = TYPES.FLOAT32, buffer: int = 0) -> int:
    """Add a tensor to a subgraph, and return its index. Buffer 0 is the empty buffer."""
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = np.array(shape, "int32"), dtype, buffer
    subgraph.tensors.append(tensor)
    return len(subgraph.tensors) - 1
