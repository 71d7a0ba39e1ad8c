"""Copy the subgraphs of loops, so that no two signatures share one."""

from __future__ import annotations

import copy
from typing import Any

_CALLED = ("condSubgraphIndex", "bodySubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex")
"""The fields of an operator's options that contain the index of a subgraph."""


def separate_signatures(model: Any) -> None:
    """Give each signature its own subgraphs for its loops and branches.

    The converter lets signatures share equal subgraphs, and the runtime resizes a shared subgraph
    to the last source. If you then call another signature with a source of a different length, it
    may fail, because the runtime resizes a subgraph only when the signature's own inputs change.
    The copies use the same weights.
    """
    taken: set[int] = set()
    for signature in model.signatureDefs:
        _separate(model, signature.subgraphIndex, taken, {})


def _separate(model: Any, index: int, taken: set[int], own: dict[int, int]) -> None:
    """Replace the subgraphs that a subgraph calls, if another signature already uses them.

    Args:
        model: the flat buffer as objects.
        index: the index of the calling subgraph, which belongs to one signature only.
        taken: the indices of the subgraphs that any signature uses; this function adds to them.
        own: the signature's own copy of each subgraph that it calls in the converted file.
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
    """Add a copy of a subgraph, and return its index. Both share the descriptions of tensors."""
    subgraph = copy.copy(model.subgraphs[index])
    subgraph.operators = [copy.copy(operator) for operator in subgraph.operators]
    for operator in subgraph.operators:
        operator.builtinOptions = copy.copy(operator.builtinOptions)
    model.subgraphs.append(subgraph)
    return len(model.subgraphs) - 1
