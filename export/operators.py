"""Which operators a graph needs, and whose they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

CORE, TEXT = "TensorFlow", "TensorFlow Text"


def operators_by_library(graphs: Iterable[Any]) -> dict[str, list[str]]:
    """The operators that a runtime must have, by the library that brings them.

    Args:
        graphs: concrete functions.

    Returns:
        Names in order, under "TensorFlow", "TensorFlow Text" where there are any, and "unknown".
    """
    found = defaultdict(set)
    for graph in graphs:
        for name in _operators(graph.graph.as_graph_def()):
            found[_library(name)].add(name)
    return {library: sorted(names) for library, names in sorted(found.items())}


def _operators(definition: Any) -> set[str]:
    nodes = {node.op for node in definition.node}
    functions = {function.signature.name for function in definition.library.function}
    for function in definition.library.function:
        nodes |= {node.op for node in function.node_def}
    return nodes - functions


def _library(operator: str) -> str:
    # `tf.raw_ops` is what TensorFlow itself was built with, whatever was imported since.
    if hasattr(tf.raw_ops, operator):
        return CORE
    return TEXT if "Sentencepiece" in operator else "unknown"
