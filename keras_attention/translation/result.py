"""The results of a translator: text, score, tokens and alignment."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.alignment.links import Links, hard_links
from keras_attention.errors import check_positive
from keras_attention.special_tokens import END

LEAST_SCORE = -5e8
"""A lower score marks an empty place in the arrays of a search that found fewer hypotheses."""


def is_hypothesis(score: float) -> bool:
    """Return whether a score belongs to a hypothesis: it is finite, and the place is not empty."""
    return LEAST_SCORE < score < math.inf


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One output for one source.

    Attributes:
        text: the output.
        score: sum of the natural log-probabilities of its tokens, at most 0.
        tokens: the `T` tokens, ending with `</s>` unless the length limit was reached before.
        alignment: weights `[T, S]`, one row for each token. A row sums to 1, or to 0 for a model
            without attention.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    alignment: npt.NDArray[np.float32] = field(repr=False)

    @property
    def per_token(self) -> float:
        """The score divided by the number of tokens; see `Confidence`."""
        return self.score / max(1, len(self.tokens))

    def links(self, threshold: float | None = None) -> Links:
        """Return the links between tokens, without `</s>`; see `hard_links`."""
        return hard_links(self.alignment, threshold, ended=self.tokens[-1:] == (END,))


@dataclass(frozen=True, eq=False)
class Translation:
    """A source and its hypotheses, best first.

    `text`, `score`, `tokens` and `alignment` are those of the best hypothesis. If the model is
    damaged, there may be no hypothesis with a finite score. Then `hypotheses` is empty, and `best`
    has no text, no tokens and a score of minus infinity.

    Attributes:
        source: the source text.
        source_tokens: its `S` tokens, ending with `</s>`.
        hypotheses: the hypotheses that the search found.
        unknown_tokens: the source tokens that the model does not know, each once; it reads each of
            them as `<unk>`, so the translation may be wrong. None if they cannot be determined:
            for a model on a server, and for a SavedModel of an older version.

    Example:
        >>> empty = Translation("a", ("a", "</s>"), ())
        >>> empty.text, empty.score, empty.tokens, empty.alignment.shape
        ('', -inf, (), (0, 2))
    """

    source: str
    source_tokens: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    unknown_tokens: tuple[str, ...] | None = None

    @property
    def best(self) -> Hypothesis:
        """The best hypothesis, or an empty one if there is none."""
        if self.hypotheses:
            return self.hypotheses[0]
        return Hypothesis("", -math.inf, (), np.zeros((0, len(self.source_tokens)), "float32"))

    @property
    def text(self) -> str:
        """The text of the best hypothesis."""
        return self.best.text

    @property
    def score(self) -> float:
        """The score of the best hypothesis."""
        return self.best.score

    @property
    def per_token(self) -> float:
        """The score of the best hypothesis divided by the number of its tokens."""
        return self.best.per_token

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens of the best hypothesis."""
        return self.best.tokens

    @property
    def alignment(self) -> npt.NDArray[np.float32]:
        """The alignment `[T, S]` of the best hypothesis."""
        return self.best.alignment

    def _repr_html_(self) -> str:
        """Return the text, scores and alignment as HTML, for notebooks."""
        from keras_attention.visualization.notebook.fragments import alignment_fragment

        found = [(hypothesis.text, hypothesis.score) for hypothesis in self.hypotheses]
        return alignment_fragment(
            self.source, found, self.source_tokens, self.tokens, self.alignment
        )

    def to_json(self, nbest: int | None = None) -> dict[str, Any]:
        """Return a dictionary for `json.dumps` of the best `nbest` hypotheses, by default all.

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


Translate = Callable[[Iterable[str]], Iterable[Translation]]
"""A function that yields the translation of each text in order, or raises a `TextError`."""


@dataclass(frozen=True, eq=False)
class StreamedToken:
    """One token of an output that is not finished yet.

    Attributes:
        token: the newest token, or the source token that replaces `<unk>`.
        text: the text of all tokens so far. It need not start with the text of the previous
            step, because a letter and its marks are composed as they arrive.
        score: sum of the natural log-probabilities so far.
        alignment: the newest token's weights over the source `[S]`.
    """

    token: str
    text: str
    score: float
    alignment: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PairScore:
    """The log-probability of a given target for a source.

    Attributes:
        source: the source.
        target: the given target.
        tokens: the tokens of the target, ending with `</s>`. An unknown token is scored as `<unk>`.
        log_probabilities: the natural log-probability of each token, given those before it. With a
            sparse output, a token of probability 0 has a value from -600 to -300.

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
        """Natural log-probability of the whole target, like the score of a `Hypothesis`."""
        return math.fsum(self.log_probabilities)

    @property
    def per_token(self) -> float:
        """The score divided by the number of tokens."""
        return self.score / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """Perplexity: `exp` of minus the mean log-probability of the target's tokens."""
        return perplexity([self])

    def _repr_html_(self) -> str:
        """Return the target, its score and the score of each token as HTML, for notebooks."""
        from keras_attention.visualization.notebook.fragments import pair_score_fragment

        return pair_score_fragment(
            self.source, self.target, self.score, self.tokens, self.log_probabilities
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for `json.dumps`."""
        return {
            "source": self.source,
            "target": self.target,
            "score": round(self.score, 6),
            "perplexity": round(self.perplexity, 6),
            "tokens": list(self.tokens),
            "log_probabilities": [round(value, 6) for value in self.log_probabilities],
        }


def perplexity(scores: Iterable[PairScore]) -> float:
    """Return `exp` of minus the mean log-probability over all tokens of all targets.

    Raises:
        ValueError: if there are no tokens.
    """
    values = [value for pair in scores for value in pair.log_probabilities]
    if not values:
        raise ValueError("`scores` must contain at least one pair. Received: none.")
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
