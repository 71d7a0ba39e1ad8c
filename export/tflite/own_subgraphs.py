"""Copies of the subgraphs of loops, so that no two signatures share one."""

from __future__ import annotations

import copy
from typing import Any

_CALLED = ("condSubgraphIndex", "bodySubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex")
"""The fields of an operator's options that contain the index of a subgraph."""


def separate_signatures(model: Any) -> None:
    """Give each signature its own subgraphs for its loops and branches.

    The converter lets signatures share equal subgraphs. If sources of different lengths run through
    two signatures in turns, the runtime resizes a shared subgraph for one of them, and the other,
    whose own inputs did not change, fails. The copies read the same buffers of weights.

    Args:
        model: the flat buffer as objects; it is changed.
    """
    taken: set[int] = set()
    for signature in model.signatureDefs:
        _separate(model, signature.subgraphIndex, taken, {})


def _separate(model: Any, index: int, taken: set[int], own: dict[int, int]) -> None:
    """Replace the subgraphs that a subgraph calls and that another signature has taken.

    Args:
        model: the flat buffer as objects.
        index: the index of the calling subgraph, which belongs to one signature only.
        taken: the subgraphs of all signatures so far; new ones are added.
        own: the signature's own subgraph for each subgraph that it has called so far.
    """
    for operator in model.subgraphs[index].operators:
        for field in _CALLED:
            called = getattr(operator.builtinOptions, field, None)
            if called is None:
                continue
            if called not in own:
                own[called] = _copied(model, called) if called in taken else called
                taken.add(own[called])
                _separate(model, own[called], taken, own)
            setattr(operator.builtinOptions, field, own[called])


def _copied(model: Any, index: int) -> int:
    """Add a copy of a subgraph and return its index; the copy shares the tensors' descriptions."""
    subgraph = copy.copy(model.subgraphs[index])
    subgraph.operators = [copy.copy(operator) for operator in subgraph.operators]
    for operator in subgraph.operators:
        operator.builtinOptions = copy.copy(operator.builtinOptions)
    model.subgraphs.append(subgraph)
    return len(model.subgraphs) - 1
