"""Greedy search with an exported step, and the constraints on its next token, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.automata.automaton import ENDED, FIRST, Automaton
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.special_tokens import END_ID, START_ID
from keras_attention.translation.searches.streaming import ChosenToken

IMPOSSIBLE = -1e9
NO_PROBABILITY = -300.0

Floats = npt.NDArray[np.float32]


def choose_greedily(
    step: Callable[..., Mapping[str, Any]],
    encoded: Mapping[str, Any],
    settings: SearchSettings,
    limit: int,
    automaton: Automaton | None = None,
) -> Iterator[ChosenToken]:
    """Search one source greedily, and yield each token as soon as it is chosen.

    Args:
        step: the exported decoder step. Its arguments, by name, are `token` `[1]` and the arrays
            that `encode` and the step before it return.
        encoded: the arrays that the exported `encode` returned.
        settings: the search settings, with the constraints on the next token.
        limit: largest number of tokens.
        automaton: the automaton that accepts the allowed outputs, or None if all are allowed.

    Yields:
        The tokens, up to the end token, which is included.
    """
    named, token, generated, score = dict(encoded), START_ID, list[int](), 0.0
    node = FIRST
    for left in range(limit, 0, -1):
        found = step(token=np.array([token], "int32"), **named)
        named |= {name: found[name] for name in named if name in found}
        possible = None if automaton is None else automaton.possible(node, left)
        token, gain = choose_next(found["log_probabilities"][0], generated, settings, possible)
        generated, score = [*generated, token], score + gain
        yield ChosenToken(token, score, found["alignment"][0])
        if token == END_ID:
            return
        if automaton is not None:
            node = automaton.follow([token], node) or ENDED


def choose_next(
    log_probabilities: Floats,
    generated: Sequence[int],
    settings: SearchSettings,
    possible: npt.NDArray[np.bool_] | None = None,
) -> tuple[int, float]:
    """Return the most probable token that may follow, and its log-probability.

    The constraints are those of `keras_attention.decoding.constraints`.

    Args:
        log_probabilities: log-probability of each token `[V]`; about -1e9 for a token that is never
            generated.
        generated: ids of the tokens so far.
        settings: the search settings, with the constraints on the next token.
        possible: whether each token may follow `[V]`; None if the outputs are not limited.
    """
    adjusted = log_probabilities.copy()
    if settings.repetition_penalty != 1:
        adjusted[list(set(generated))] *= np.float32(settings.repetition_penalty)
    if settings.no_repeat_ngram:
        adjusted[_repeated_endings(generated, settings.no_repeat_ngram)] = IMPOSSIBLE
    if len(generated) + 1 < settings.min_length:
        adjusted[END_ID] = IMPOSSIBLE
        if settings.no_repeat_ngram and adjusted.max() <= IMPOSSIBLE / 2:
            return END_ID, float(log_probabilities[END_ID])
    if possible is not None:
        adjusted[~possible] = IMPOSSIBLE
    likely = (adjusted > IMPOSSIBLE / 2) & (log_probabilities > NO_PROBABILITY / 2)
    if likely.any():
        adjusted[~likely] = IMPOSSIBLE
    best = int(adjusted.argmax())
    return best, float(log_probabilities[best])


def _repeated_endings(generated: Sequence[int], size: int) -> list[Any]:
    """Return the tokens that would complete an n-gram that was generated before."""
    last, ends = generated[len(generated) - size + 1 :], range(size - 1, len(generated))
    return [generated[end] for end in ends if generated[end - size + 1 : end] == last]
