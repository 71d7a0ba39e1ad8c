"""Evaluation: a trained translator on pairs it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from keras_attention.errors import InputError
from keras_attention.translation import Translation

from .data import Pair

Translate = Callable[[Iterable[str]], list[Translation]]


@dataclass(frozen=True)
class Evaluation:
    """How a translator did.

    Attributes:
        outcomes: `(source, target, output)` of every pair.
    """

    outcomes: tuple[tuple[str, str, str], ...]

    @property
    def pairs(self) -> int:
        """How many pairs were decoded."""
        return len(self.outcomes)

    @property
    def wrong(self) -> tuple[tuple[str, str, str], ...]:
        """The outcomes whose output is not the target."""
        return tuple(outcome for outcome in self.outcomes if outcome[1] != outcome[2])

    @property
    def exact_match(self) -> float:
        """Share of outputs equal to their target, in [0, 1]; NaN where there are no pairs."""
        return 1 - len(self.wrong) / self.pairs if self.pairs else float("nan")

    def without(self, sources: Container[str]) -> Evaluation:
        """The same for the pairs whose source is none of `sources`."""
        return Evaluation(tuple(o for o in self.outcomes if o[0] not in sources))


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
    return Evaluation(
        tuple(
            (source, target, translation.text)
            for (source, target), translation in zip(pairs, translations, strict=True)
        )
    )
