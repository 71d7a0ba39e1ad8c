"""Which operators a SavedModel needs, and whose they are."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

CORE, TEXT = "TensorFlow", "TensorFlow Text"


def operators_by_library(graph_file: Path) -> dict[str, list[str]]:
    """The operators that a runtime must have, by the library that brings them.

    Args:
        graph_file: a `saved_model.pb`.

    Returns:
        Names in order, under "TensorFlow", "TensorFlow Text" where there are any, and "unknown".
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
    # `tf.raw_ops` is what TensorFlow itself was built with, whatever was imported since.
    if hasattr(tf.raw_ops, operator):
        return CORE
    return TEXT if "Sentencepiece" in operator else "unknown"
