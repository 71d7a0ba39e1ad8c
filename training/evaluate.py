"""Evaluation: a trained translator on pairs it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keras_attention.errors import InputError
from keras_attention.translation import Translation

from .data import Pair

Translate = Callable[[Iterable[str]], list[Translation]]


@dataclass(frozen=True)
class Evaluation:
    """How a translator did.

    Attributes:
        pairs: how many pairs were decoded.
        exact_match: share of outputs equal to their target, in [0, 1].
        wrong: `(source, target, output)` of the others.
    """

    pairs: int
    exact_match: float
    wrong: tuple[tuple[str, str, str], ...]


def evaluate(translate: Translate, pairs: Sequence[Pair]) -> Evaluation:
    """Decodes the sources of `pairs` and compares with their targets.

    Args:
        translate: a translator of any runtime.
        pairs: sources and targets.

    Raises:
        InputError: if there are no pairs.
    """
    if not pairs:
        raise InputError("expected at least one pair to evaluate on. Received: none.")
    translations = translate([source for source, _ in pairs])
    wrong = tuple(
        (source, target, translation.text)
        for (source, target), translation in zip(pairs, translations, strict=True)
        if translation.text != target
    )
    return Evaluation(len(pairs), 1 - len(wrong) / len(pairs), wrong)
