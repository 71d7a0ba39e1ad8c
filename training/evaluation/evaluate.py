"""Evaluation: a trained translator on pairs it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_attention.errors import InputError, TextError
from keras_attention.translation.result import Translation

from ..data.pairs import Pair
from ..metrics.metric_kinds import ExactMatch, Score
from ..metrics.significance import PairedDifference, paired_bootstrap
from ..metrics.text_metrics import score

Translate = Callable[[Iterable[str]], Iterable[Translation]]
Form = Callable[[str], str]
Outcome = tuple[str, str, str]


@dataclass(frozen=True)
class Evaluation:
    """How a translator did.

    Attributes:
        outcomes: `(source, target, output)` of every pair.
        lengths: how many tokens each source had, `</s>` not counted; empty if nobody counted.

    Example:
        >>> evaluation = Evaluation((("cat", "k a t", "k a t"), ("dog", "d ɔ g", "d o g")))
        >>> evaluation.exact_match, str(evaluation.score("per"))
        (0.5, '16.67')
    """

    outcomes: tuple[Outcome, ...]
    lengths: tuple[int, ...] = ()

    @property
    def pairs(self) -> int:
        """How many pairs were decoded."""
        return len(self.outcomes)

    @property
    def sources(self) -> list[str]:
        """What went in."""
        return [source for source, _, _ in self.outcomes]

    @property
    def targets(self) -> list[str]:
        """What was expected."""
        return [target for _, target, _ in self.outcomes]

    @property
    def outputs(self) -> list[str]:
        """What came out."""
        return [output for _, _, output in self.outcomes]

    @property
    def wrong(self) -> tuple[Outcome, ...]:
        """The outcomes whose output is not the target."""
        right = ExactMatch().count
        return tuple(outcome for outcome in self.outcomes if not right(outcome[2], [outcome[1]])[0])

    @property
    def exact_match(self) -> float:
        """Share of outputs equal to their target, in [0, 1]; NaN where there are no pairs."""
        return 1 - len(self.wrong) / self.pairs if self.pairs else float("nan")

    def score(self, metric: str, **options: Any) -> Score:
        """Score the outputs; the options are those of `text_metrics.score`.

        Raises:
            InputError: if there is no such metric or tokenizer.
            ValueError: if there are no pairs.
        """
        return score(metric, self.outputs, self.targets, self.sources, **options)

    def paired_bootstrap(self, other: Evaluation, metric: str, **options: Any) -> PairedDifference:
        """Return whether `other`, of the same pairs, differs by more than chance.

        Raises:
            InputError: if there is no such metric or tokenizer.
            ValueError: if the pairs are not the same, or there are none.
        """
        if (self.sources, self.targets) != (other.sources, other.targets):
            raise ValueError("`other` must be an evaluation of the same pairs.")
        outputs = self.outputs, other.outputs
        return paired_bootstrap(metric, *outputs, self.targets, self.sources, **options)

    def in_form(self, form: Form) -> Evaluation:
        """Return the same with references and outputs in one form, in which they are compared.

        Args:
            form: converts a text to the form, as `TextCodec.reference_form` does.

        Example:
            >>> Evaluation((("a b", "Dos  Siete ", "dos siete"),)).in_form(
            ...     lambda text: " ".join(text.lower().split())
            ... ).exact_match
            1.0
        """
        outcomes = ((source, form(target), output) for source, target, output in self.outcomes)
        return replace(self, outcomes=tuple(outcomes)).with_outputs(form)

    def with_outputs(self, form: Form) -> Evaluation:
        """Return the same with outputs in a form that the references have already."""
        outcomes = ((source, target, form(output)) for source, target, output in self.outcomes)
        return replace(self, outcomes=tuple(outcomes))

    def without(self, sources: Container[str]) -> Evaluation:
        """The same for the pairs whose source is none of `sources`."""
        return self.at([n for n, outcome in enumerate(self.outcomes) if outcome[0] not in sources])

    def at(self, positions: Sequence[int]) -> Evaluation:
        """The same for the pairs at some positions, counted from 0."""
        lengths = tuple(self.lengths[n] for n in positions) if self.lengths else ()
        return replace(self, outcomes=tuple(self.outcomes[n] for n in positions), lengths=lengths)


def evaluate(translate: Translate, pairs: Sequence[Pair]) -> Evaluation:
    """Decodes the sources of `pairs`, those of similar length together.

    Args:
        translate: a translator of any runtime.
        pairs: sources and targets.

    Returns:
        The outcomes in the order of `pairs`.

    Raises:
        InputError: if there are no pairs.
        TextError: if a source is too long for the translator.
    """
    if not pairs:
        raise InputError("expected at least one pair to evaluate on. Received: none.")
    by_length = sorted(range(len(pairs)), key=lambda n: len(pairs[n][0]))
    try:
        decoded = list(translate([pairs[n][0] for n in by_length]))
    except TextError as error:
        raise error.at(by_length[error.position]) from None
    translations = dict(zip(by_length, decoded, strict=True))
    return Evaluation(
        tuple((*pair, translations[n].text) for n, pair in enumerate(pairs)),
        tuple(len(translations[n].source_tokens) - 1 for n in range(len(pairs))),
    )
