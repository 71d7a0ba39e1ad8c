"""What a translator returns: text, score, tokens and alignment."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.alignment.links import Links, hard_links
from keras_attention.errors import check_positive
from keras_attention.special_tokens import END

LEAST_SCORE = -5e8
"""Hypotheses with scores below do not exist: where a search found fewer, its arrays are filled."""


def is_hypothesis(score: float) -> bool:
    """Return whether a search's score is that of a hypothesis: finite, and not a filling."""
    return LEAST_SCORE < score < math.inf


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One output for one source.

    Attributes:
        text: the output.
        score: sum of natural log-probabilities of its tokens, at most 0.
        tokens: the tokens `T`, closed by `</s>` unless the length limit came first.
        alignment: weights `[T, S]`, one row a token; a row sums to 1, or to 0 for a model
            without attention.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    alignment: npt.NDArray[np.float32] = field(repr=False)

    def links(self, threshold: float | None = None) -> Links:
        """The links between tokens, `</s>` left out; see `hard_links`."""
        return hard_links(self.alignment, threshold, ended=self.tokens[-1:] == (END,))


@dataclass(frozen=True, eq=False)
class Translation:
    """A source and its hypotheses, best first; `text`, `score` ... are the best one's.

    There is no hypothesis where the model gave none a finite score, as a damaged model does. Then
    the best one is empty: no text, no tokens and a score of minus infinity.

    Attributes:
        source: the text that came in.
        source_tokens: its tokens `S`, closed by `</s>`.
        hypotheses: what a search found.

    Example:
        >>> nothing = Translation("a", ("a", "</s>"), ())
        >>> nothing.text, nothing.score, nothing.tokens, nothing.alignment.shape
        ('', -inf, (), (0, 2))
    """

    source: str
    source_tokens: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]

    @property
    def best(self) -> Hypothesis:
        """The best hypothesis, or an empty one where there is none."""
        if self.hypotheses:
            return self.hypotheses[0]
        return Hypothesis("", -math.inf, (), np.zeros((0, len(self.source_tokens)), "float32"))

    @property
    def text(self) -> str:
        """The best hypothesis' text."""
        return self.best.text

    @property
    def score(self) -> float:
        """The best hypothesis' score."""
        return self.best.score

    @property
    def tokens(self) -> tuple[str, ...]:
        """The best hypothesis' tokens."""
        return self.best.tokens

    @property
    def alignment(self) -> npt.NDArray[np.float32]:
        """The best hypothesis' alignment `[T, S]`."""
        return self.best.alignment

    def to_json(self, nbest: int | None = None) -> dict[str, Any]:
        """A dictionary of plain values for `json.dumps`, of the best `nbest` hypotheses or all.

        Raises:
            ValueError: if `nbest` is not a positive integer.
        """
        if nbest is not None:
            check_positive(nbest=nbest)
        return {
            "source": self.source,
            "source_tokens": list(self.source_tokens),
            "hypotheses": [_plain(hypothesis) for hypothesis in self.hypotheses[:nbest]],
        }


@dataclass(frozen=True, eq=False)
class PairScore:
    """How likely a model finds a given target for a source.

    Attributes:
        source: the source.
        target: the target that was given.
        tokens: the target's tokens, closed by `</s>`; one that the model does not know is scored
            as its `<unk>`.
        log_probabilities: the natural logarithm of each token's probability, given those before.

    Example:
        >>> pair = PairScore("a", "b", ("b", "</s>"), (-1.0, -0.5))
        >>> pair.score, pair.per_token
        (-1.5, -0.75)
    """

    source: str
    target: str
    tokens: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def score(self) -> float:
        """Natural log-probability of the whole target, as a `Hypothesis` has it."""
        return math.fsum(self.log_probabilities)

    @property
    def per_token(self) -> float:
        """The score over the number of tokens."""
        return self.score / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely tokens the model chooses, in the mean."""
        return perplexity([self])

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values for `json.dumps`."""
        return {
            "source": self.source,
            "target": self.target,
            "score": round(self.score, 6),
            "perplexity": round(self.perplexity, 6),
            "tokens": list(self.tokens),
            "log_probabilities": [round(value, 6) for value in self.log_probabilities],
        }


def perplexity(scores: Iterable[PairScore]) -> float:
    """`exp` of minus the mean log-probability over all tokens of all targets.

    Raises:
        ValueError: if there are no tokens.
    """
    values = [value for pair in scores for value in pair.log_probabilities]
    if not values:
        raise ValueError("`scores` must hold a pair at least. Received: none.")
    try:
        return math.exp(-math.fsum(values) / len(values))
    except OverflowError:
        return math.inf


def _plain(hypothesis: Hypothesis) -> dict[str, Any]:
    return {
        "text": hypothesis.text,
        "score": round(hypothesis.score, 6),
        "tokens": list(hypothesis.tokens),
        "alignment": np.round(hypothesis.alignment.astype(float), 4).tolist(),
    }
