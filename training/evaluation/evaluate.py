"""Evaluates a translator on pairs."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keras_attention.errors import InputError, TextError
from keras_attention.translation.result import Translate, Translation

from ..data.pairs import Pair
from ..metrics.metric_kinds import ExactMatch, Score
from ..metrics.significance import PairedDifference, paired_bootstrap
from ..metrics.text_metrics import score, score_each

Form = Callable[[str], str]
Outcome = tuple[str, str, str]


@dataclass(frozen=True)
class Evaluation:
    """The outputs of a translator for some pairs.

    Attributes:
        outcomes: `(source, target, output)` for every pair.
        lengths: number of tokens of each source, without `</s>`; empty if it is not known.
        translations: the translation of each source, with score and alignment; empty if they are
            not known. Their texts are not converted by `in_form`.

    Example:
        >>> evaluation = Evaluation((("cat", "k a t", "k a t"), ("dog", "d ɔ g", "d o g")))
        >>> evaluation.exact_match, str(evaluation.score("per"))
        (0.5, '16.67')
    """

    outcomes: tuple[Outcome, ...]
    lengths: tuple[int, ...] = ()
    translations: tuple[Translation, ...] = field(default=(), repr=False, compare=False)

    @property
    def pairs(self) -> int:
        """The number of pairs."""
        return len(self.outcomes)

    @property
    def sources(self) -> list[str]:
        """The sources."""
        return [source for source, _, _ in self.outcomes]

    @property
    def targets(self) -> list[str]:
        """The targets."""
        return [target for _, target, _ in self.outcomes]

    @property
    def outputs(self) -> list[str]:
        """The outputs."""
        return [output for _, _, output in self.outcomes]

    @property
    def wrong(self) -> tuple[Outcome, ...]:
        """The outcomes whose output differs from the target."""
        right = ExactMatch().count
        return tuple(outcome for outcome in self.outcomes if not right(outcome[2], [outcome[1]])[0])

    @property
    def per_token(self) -> list[float]:
        """The log-probability of each output divided by the number of its tokens.

        It is empty if the translations are not known.
        """
        return [translation.per_token for translation in self.translations]

    @property
    def exact_match(self) -> float:
        """Share of outputs equal to their target, in [0, 1]; NaN if there are no pairs."""
        return 1 - len(self.wrong) / self.pairs if self.pairs else float("nan")

    def score(self, metric: str, **options: Any) -> Score:
        """Score the outputs.

        Args:
            metric: the name of a metric.
            **options: options of `text_metrics.score`.

        Raises:
            InputError: if there is no such metric or tokenizer.
            ValueError: if there are no pairs.
        """
        return score(metric, self.outputs, self.targets, self.sources, **options)

    def score_each(self, metric: str, **options: Any) -> list[float]:
        """Score each output alone; see `score` for the arguments and errors.

        BLEU of one output uses only n-grams that are not longer than the output (sacrebleu's
        `effective_order`).
        """
        return score_each(metric, self.outputs, self.targets, self.sources, **options)

    def paired_bootstrap(self, other: Evaluation, metric: str, **options: Any) -> PairedDifference:
        """Test whether another evaluation of the same pairs differs by more than chance.

        Args:
            other: the other evaluation.
            metric: the name of a metric.
            **options: options of `text_metrics.score`.

        Raises:
            InputError: if there is no such metric or tokenizer.
            ValueError: if the pairs are not the same, or there are none.
        """
        if (self.sources, self.targets) != (other.sources, other.targets):
            raise ValueError(
                "`other` must be an evaluation of the same pairs. Received: other pairs."
            )
        outputs = self.outputs, other.outputs
        return paired_bootstrap(metric, *outputs, self.targets, self.sources, **options)

    def in_form(self, form: Form) -> Evaluation:
        """Return this evaluation with targets and outputs converted to one form.

        Args:
            form: converts a text to the form, such as `TextCodec.reference_form`.

        Example:
            >>> Evaluation((("a b", "Dos  Siete ", "dos siete"),)).in_form(
            ...     lambda text: " ".join(text.lower().split())
            ... ).exact_match
            1.0
        """
        outcomes = ((source, form(target), output) for source, target, output in self.outcomes)
        return replace(self, outcomes=tuple(outcomes)).with_outputs(form)

    def with_outputs(self, form: Form) -> Evaluation:
        """Return this evaluation with outputs converted to a form."""
        outcomes = ((source, target, form(output)) for source, target, output in self.outcomes)
        return replace(self, outcomes=tuple(outcomes))

    def without(self, sources: Container[str]) -> Evaluation:
        """Return this evaluation for the pairs whose source is not in `sources`."""
        return self.at([n for n, outcome in enumerate(self.outcomes) if outcome[0] not in sources])

    def at(self, positions: Sequence[int]) -> Evaluation:
        """Return this evaluation for the pairs at some positions, counted from 0."""
        outcomes = tuple(self.outcomes[n] for n in positions)
        lengths = tuple(self.lengths[n] for n in positions) if self.lengths else ()
        found = tuple(self.translations[n] for n in positions) if self.translations else ()
        return replace(self, outcomes=outcomes, lengths=lengths, translations=found)


def evaluate(translate: Translate, pairs: Sequence[Pair]) -> Evaluation:
    """Translate the sources of pairs, with sources of similar length in one batch.

    Args:
        translate: a translator of any runtime; for a progress bar in a script,
            `functools.partial(translator, progress=True)`.
        pairs: sources and targets.

    Returns:
        The outcomes in the order of `pairs`.

    Raises:
        InputError: if there are no pairs.
        TextError: if the translator cannot use a source. It counts the pairs.
    """
    if not pairs:
        raise InputError("expected at least one pair to evaluate on. Received: none.")
    by_length = sorted(range(len(pairs)), key=lambda n: len(pairs[n][0]))
    try:
        decoded = list(translate([pairs[n][0] for n in by_length]))
    except TextError as error:
        raise TextError(error.problem, by_length[error.position], "pair") from None
    translations = dict(zip(by_length, decoded, strict=True))
    return Evaluation(
        tuple((*pair, translations[n].text) for n, pair in enumerate(pairs)),
        tuple(len(translations[n].source_tokens) - 1 for n in range(len(pairs))),
        tuple(translations[n] for n in range(len(pairs))),
    )
