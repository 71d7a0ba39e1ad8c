"""What a translator returns: text, score, tokens and alignment."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


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


@dataclass(frozen=True, eq=False)
class Translation:
    """A source and its hypotheses, best first; `text`, `score` ... are the best one's.

    Attributes:
        source: the text that came in.
        source_tokens: its tokens `S`, closed by `</s>`.
        hypotheses: at least one.
    """

    source: str
    source_tokens: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]

    @property
    def text(self) -> str:
        """The best hypothesis' text."""
        return self.hypotheses[0].text

    @property
    def score(self) -> float:
        """The best hypothesis' score."""
        return self.hypotheses[0].score

    @property
    def tokens(self) -> tuple[str, ...]:
        """The best hypothesis' tokens."""
        return self.hypotheses[0].tokens

    @property
    def alignment(self) -> npt.NDArray[np.float32]:
        """The best hypothesis' alignment `[T, S]`."""
        return self.hypotheses[0].alignment

    def to_json(self, nbest: int | None = None) -> dict[str, Any]:
        """A dictionary of plain values for `json.dumps`, of the best `nbest` hypotheses or all."""
        return {
            "source": self.source,
            "source_tokens": list(self.source_tokens),
            "hypotheses": [_plain(hypothesis) for hypothesis in self.hypotheses[:nbest]],
        }


def _plain(hypothesis: Hypothesis) -> dict[str, Any]:
    return {
        "text": hypothesis.text,
        "score": round(hypothesis.score, 6),
        "tokens": list(hypothesis.tokens),
        "alignment": np.round(hypothesis.alignment.astype(float), 4).tolist(),
    }
