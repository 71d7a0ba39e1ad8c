"""The choice of one hypothesis's next token on a device, with the constraints in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.special_tokens import END_ID

IMPOSSIBLE = -1e9
NO_PROBABILITY = -300.0

Floats = npt.NDArray[np.float32]


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
        possible: whether each token may follow if the outputs are limited `[V]`; None if they are
            not.
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
