"""The steps of a search through an automaton, for many hypotheses at a time."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_attention.decoding.automata.automaton import ENDED, Automaton
from keras_attention.ops.indexing import contains

Tensor = Any


def possible_tokens(automaton: Automaton, node: Tensor, steps: Tensor) -> Tensor:
    """Return which tokens may follow, so that the output can end in time.

    Args:
        automaton: the automaton.
        node: the node of each hypothesis `[N]`.
        steps: number of tokens that each hypothesis may still have, a scalar.

    Returns:
        Boolean `[N, V]`.
    """
    edges, real = edges_of(automaton, node)
    in_time = ops.logical_and(real, edges[:, :, 2] <= steps)
    kinds = contains(ops.where(in_time, edges[:, :, 0], 0), ops.shape(automaton.kinds)[0])
    return ops.take(kinds, automaton.classes, axis=1)


def next_nodes(automaton: Automaton, node: Tensor, tokens: Tensor) -> Tensor:
    """Return the nodes that tokens lead to, `[N]`; `ENDED` after a token that may not follow.

    Args:
        automaton: the automaton.
        node: the node of each hypothesis `[N]`.
        tokens: the next token of each hypothesis `[N]`.
    """
    edges, real = edges_of(automaton, node)
    kinds = ops.expand_dims(ops.take(automaton.classes, tokens), 1)
    followed = ops.logical_and(real, ops.equal(edges[:, :, 0], kinds))
    return ops.sum(ops.where(followed, edges[:, :, 1], ENDED), axis=1)


def edges_of(automaton: Automaton, node: Tensor) -> tuple[Tensor, Tensor]:
    """Return the edges `[N, W, 3]` of nodes, and which of them are real `[N, W]`."""
    nodes = ops.take(automaton.nodes, node, axis=0)
    places = ops.convert_to_tensor(automaton.places)
    if node.shape[0] is None:
        # A closed set has thousands of edges at its first node and few at all others, so read only
        # as many as these nodes have. If the number of rows is static, all shapes must be static.
        places = places[: ops.max(nodes[:, 1], initial=0)]
    places = ops.expand_dims(places, 0)
    edges = ops.take(automaton.edges, nodes[:, :1] + places, axis=0)
    return edges, places < nodes[:, 1:]
