"""The operators that a SavedModel requires, by the library that provides them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

CORE, TEXT = "TensorFlow", "TensorFlow Text"


def operators_by_library(graph_file: Path) -> dict[str, list[str]]:
    """Return the operators that a runtime must have, by the library that provides them.

    Args:
        graph_file: a `saved_model.pb`.

    Returns:
        Sorted names of operators, by library: "TensorFlow", "TensorFlow Text" or "unknown". A
        library without operators is left out.
    """
    graph = saved_model_pb2.SavedModel.FromString(graph_file.read_bytes())
    found = defaultdict(set)
    for meta_graph in graph.meta_graphs:
        functions = meta_graph.graph_def.library.function
        nodes = [meta_graph.graph_def.node, *(function.node_def for function in functions)]
        names = {node.op for part in nodes for node in part}
        for name in names - {function.signature.name for function in functions}:
            found[_library(name)].add(name)
    return {library: sorted(names) for library, names in sorted(found.items())}


def _library(operator: str) -> str:
    # `tf.raw_ops` lists the operators that TensorFlow was built with, not those imported later.
    if hasattr(tf.raw_ops, operator):
        return CORE
    return TEXT if "Sentencepiece" in operator else "unknown"
