"""Divide a beam into banks: the hypotheses of a bank lack the same number of tokens of their terms.

Hypotheses compete only within their bank. Without banks, hypotheses that lack terms would fill the
beam, because adding a term usually lowers the probability. Search would then add the terms only
when an output reaches the largest length.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.automata.automaton_steps import edges_of
from keras_attention.decoding.automata.term_automaton import ForcedTerms
from keras_attention.ops.indexing import contains, take_places
from keras_attention.ops.ordering import largest

Tensor = Any


def advancing_tokens(automaton: Automaton, terms: ForcedTerms, node: Tensor) -> Tensor:
    """Return which tokens reduce the number of tokens that the terms still need.

    Args:
        automaton: the automaton of the terms.
        terms: the terms.
        node: the node of each hypothesis `[N]`.

    Returns:
        Boolean `[N, V]`.
    """
    edges, real = edges_of(automaton, node)
    before = ops.expand_dims(ops.take(terms.missing, node), 1)
    after = ops.take(terms.missing, edges[:, :, 1])
    advancing = ops.logical_and(real, after < before)
    kinds = contains(ops.where(advancing, edges[:, :, 0], 0), ops.shape(automaton.kinds)[0])
    return ops.take(kinds, automaton.classes, axis=1)


def best_of_banks(ranks: Tensor, possible: Tensor, banks: Tensor, levels: Tensor, k: int) -> Tensor:
    """Return the places of the candidates that the beam keeps, best first.

    The banks take turns: the best candidate of each bank, then the second best of each bank, and so
    on, until the beam is full. So the banks get equal shares, and the share of an empty bank goes
    to the others, as in Post and Vilar 2018, https://arxiv.org/abs/1804.06609. In each turn, the
    bank whose hypotheses lack the fewest tokens is the first.

    Args:
        ranks: the ranks of the candidates `[B, M]`.
        possible: which candidates may be chosen `[B, M]`.
        banks: the number of the bank of each candidate `[B, M]`.
        levels: the numbers of all banks, 0, 1, 2 ...
        k: number of candidates to keep, at most `M`.

    Returns:
        int32 `[B, k]`.
    """
    order = ops.cast(largest(ranks, ranks.shape[1])[1], "int32")
    bank, possible = take_places(banks, order), take_places(possible, order)
    own = ops.logical_and(ops.equal(bank[:, :, None], levels), possible[:, :, None])
    turns = ops.cumsum(ops.cast(own, "int32"), axis=1)
    turn = ops.sum(ops.where(own, turns, 0), axis=2)
    last = ranks.shape[1] + 1  # for impossible candidates
    key = ops.where(turn > 0, turn, last) * ops.size(levels) + bank
    chosen = ops.cast(largest(-key, k)[1], "int32")
    return take_places(order, -largest(-chosen, k)[0])  # in the order of their ranks
