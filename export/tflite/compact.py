"""Makes a TFLite file smaller without changing its results, mostly for models with few weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ..device.device_file import BATCHED, SIGNATURES
from .flat_file import OPERATORS, TYPES, add_buffer, add_tensor, make_operator, pack_part

LEAST_ZEROS = 1024
"""Smallest constant of zeros, in bytes, that is replaced by an operator."""

_NUMPY = {TYPES.FLOAT32: "float32", TYPES.INT32: "int32"}


def compact(model: Any) -> None:
    """Remove duplicates and everything that no runtime reads.

    This removes long tensor names, empty fields, and tensors and buffers that no operator reads. It
    replaces large constants of zeros by operators, and merges equal constants and equal loops,
    because the converter copies the encoder into each signature. Inputs and outputs are named as in
    their signatures, all other tensors by their numbers. Runtimes that do not support signatures
    run the first subgraph, which belongs to `greedy`.

    Args:
        model: the result of `read_flat_file`, which is changed in place.
    """
    for subgraph in _entries(model):
        _make_zeros(model, subgraph)
    _share_constants(model)
    for subgraph in model.subgraphs:
        _drop_idle_fields(subgraph)
    _renumber_tensors(model)
    _share_loops(model)
    _drop_unread_buffers(model)
    _order_signatures(model)
    _name_tensors(model)


def _entries(model: Any) -> list[Any]:
    """Return the subgraphs that signatures call. Their operators run once, not in a loop."""
    return [model.subgraphs[place] for place in {d.subgraphIndex for d in model.signatureDefs}]


def _make_zeros(model: Any, subgraph: Any) -> None:
    """Replace large constants of zeros by operators."""
    operators = []
    for place, tensor in enumerate(list(subgraph.tensors)):
        data = model.buffers[tensor.buffer].data
        large = data is not None and len(data) >= LEAST_ZEROS and tensor.type in _NUMPY
        if not large or data.any() or place in subgraph.outputs:
            continue
        tensor.buffer = 0
        dims = add_buffer(model, np.array(tensor.shape, "int32"))
        zero = add_buffer(model, np.zeros((), _NUMPY[tensor.type]))
        inputs = [
            add_tensor(subgraph, [len(tensor.shape)], TYPES.INT32, dims),
            add_tensor(subgraph, [], tensor.type, zero),
        ]
        options = schema.FillOptionsT()
        operators.append(make_operator(model, OPERATORS.FILL, inputs, place, options))
    subgraph.operators = operators + subgraph.operators


def _share_constants(model: Any) -> None:
    """Let equal constants share a buffer. Tensors without data use buffer 0, which is empty."""
    places: dict[bytes, int] = {}
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            data = model.buffers[tensor.buffer].data
            empty = data is None or not len(data)
            tensor.buffer = 0 if empty else places.setdefault(data.tobytes(), tensor.buffer)


def _drop_idle_fields(subgraph: Any) -> None:
    for tensor in subgraph.tensors:
        tensor.name = None
        if tensor.quantization is not None and tensor.quantization.scale is None:
            tensor.quantization = None


def _renumber_tensors(model: Any) -> None:
    """Drop unread tensors and number the others by use, so that equal graphs have equal bytes."""
    for number, subgraph in enumerate(model.subgraphs):
        read = [subgraph.inputs, subgraph.outputs]
        read += [part for each in subgraph.operators for part in (each.inputs, each.outputs)]
        order = list(dict.fromkeys(int(place) for part in read for place in part if place >= 0))
        places = {-1: -1, **{old: new for new, old in enumerate(order)}}
        subgraph.tensors = [subgraph.tensors[old] for old in order]
        for part in (subgraph, *subgraph.operators):
            part.inputs = np.array([places[int(old)] for old in part.inputs], "int32")
            part.outputs = np.array([places[int(old)] for old in part.outputs], "int32")
        for signature in model.signatureDefs:
            if signature.subgraphIndex == number:
                for named in (*signature.inputs, *signature.outputs):
                    named.tensorIndex = places[named.tensorIndex]


def _share_loops(model: Any) -> None:
    """Merge equal subgraphs. The subgraphs of two signatures are never equal."""
    first: dict[bytes, int] = {}
    same = [first.setdefault(_packed(each), place) for place, each in enumerate(model.subgraphs)]
    kept = sorted(set(same))
    places = [kept.index(each) for each in same]
    _move_subgraphs(model, kept, places)


def _order_signatures(model: Any) -> None:
    """Put the signatures in their usual order, and their subgraphs before all others."""
    usual = {name: place for place, name in enumerate((*SIGNATURES, *BATCHED.values()))}
    model.signatureDefs.sort(key=lambda each: usual.get(_text(each.signatureKey), len(usual)))
    entries = [signature.subgraphIndex for signature in model.signatureDefs]
    kept = [*entries, *(place for place in range(len(model.subgraphs)) if place not in entries)]
    _move_subgraphs(model, kept, [kept.index(place) for place in range(len(kept))])


def _move_subgraphs(model: Any, kept: list[int], places: list[int]) -> None:
    """Keep only some subgraphs.

    Args:
        model: the model.
        kept: indices of the subgraphs to keep, in their new order.
        places: new index of each old subgraph.
    """
    for subgraph in model.subgraphs:
        for operator in subgraph.operators:
            loop = operator.builtinOptions
            if isinstance(loop, schema.WhileOptionsT):
                loop.condSubgraphIndex = places[loop.condSubgraphIndex]
                loop.bodySubgraphIndex = places[loop.bodySubgraphIndex]
    for signature in model.signatureDefs:
        signature.subgraphIndex = places[signature.subgraphIndex]
    model.subgraphs = [model.subgraphs[place] for place in kept]


def _name_tensors(model: Any) -> None:
    """Name every tensor, because some tools refuse tensors without a name."""
    for subgraph in model.subgraphs:
        for place, tensor in enumerate(subgraph.tensors):
            tensor.name = f"t{place}"
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        key = _text(signature.signatureKey)
        taken = {_text(named.name) for named in signature.inputs}
        for named in signature.outputs:
            name = _text(named.name)
            tensors[named.tensorIndex].name = f"{key}/{'next_' * (name in taken)}{name}"
        for named in signature.inputs:
            tensors[named.tensorIndex].name = f"{key}/{_text(named.name)}"


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _packed(subgraph: Any) -> bytes:
    name, subgraph.name = subgraph.name, None
    packed = pack_part(subgraph)
    subgraph.name = name
    return packed


def _drop_unread_buffers(model: Any) -> None:
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors]
    readers = [*tensors, *(model.metadata or ())]
    used = sorted({0, *(reader.buffer for reader in readers)})
    places = {old: new for new, old in enumerate(used)}
    for reader in readers:
        reader.buffer = places[reader.buffer]
    model.buffers = [model.buffers[old] for old in used]
