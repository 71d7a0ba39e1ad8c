"""The metrics, one class each; `METRICS` lists them for recipes and the command line."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from keras_attention._version import __version__
from keras_attention.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sacrebleu.metrics.base import Metric as SacrebleuMetric

BLEU_ORDER = 4
"""Length of the longest n-grams in BLEU; without a match of this length the score is 0."""

Texts = Sequence[str]
Floats: TypeAlias = "npt.NDArray[np.float64]"


@dataclass(frozen=True)
class Score:
    """The value of a metric on a set of outputs.

    Attributes:
        name: the name of the metric.
        value: a share in [0, 1] for `exact_match`; points, mostly in [0, 100], for all others.
        signature: the settings that the value depends on, in sacrebleu's format; report it with the
            value.
        higher_is_better: whether a higher value is better.
    """

    name: str
    value: float
    signature: str
    higher_is_better: bool

    def __str__(self) -> str:
        """Return the value as papers print it."""
        return format_value(self.name, self.value)


class TextMetric(ABC):
    """One way to score a set of outputs.

    Args:
        tokenize: BLEU's tokenizer.
        lowercase: whether case is ignored.

    Attributes:
        name: the name in recipes and on the command line.
        higher_is_better: whether a higher value is better.
        perfect: the best value that is possible.
        form: the format of a value, in Python's format language.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    perfect: ClassVar[float]
    form: ClassVar[str] = ".2f"

    def __init__(self, tokenize: str | None = None, lowercase: bool = False) -> None:
        self.tokenize = tokenize
        self.lowercase = lowercase

    @abstractmethod
    def score(self, hypotheses: Texts, references: list[list[str]], sources: Texts | None) -> Score:
        """Score all lines together."""

    @abstractmethod
    def score_each(
        self, hypotheses: Texts, references: list[list[str]], sources: Texts | None
    ) -> list[float]:
        """Score each line alone; NaN if a value is not defined."""

    def _score(self, value: float, signature: object) -> Score:
        return Score(self.name, float(value), str(signature), self.higher_is_better)


class Ratio(TextMetric):
    """A metric that is the ratio of two counts, each summed over all lines.

    Texts are compared in Unicode normal form C, the form of a translator's outputs.

    Attributes:
        unit: what the metric counts, for the signature.
        scale: factor on the ratio.
        pools_sources: whether lines of the same source count as one, with all their references.
    """

    unit: ClassVar[str]
    scale: ClassVar[float]
    pools_sources: ClassVar[bool]

    @abstractmethod
    def count(self, hypothesis: str, references: list[str]) -> tuple[int, int]:
        """Return the numerator and the denominator of one line."""

    def score(self, hypotheses: Texts, references: list[list[str]], sources: Texts | None) -> Score:
        """Score all lines together."""
        counts = self.counts(hypotheses, references, sources)
        numbers = {len(line) for line in self._pooled(references, sources)[0]}
        signature = {
            "nrefs": numbers.pop() if len(numbers) == 1 else "var",
            "case": "lc" if self.lowercase else "mixed",
            "unit": self.unit,
            "norm": "nfc",
            "keras-attention": __version__,
        }
        joined = "|".join(f"{key}:{value}" for key, value in signature.items())
        return self._score(self.ratio(counts.sum(axis=0)), joined)

    def score_each(
        self, hypotheses: Texts, references: list[list[str]], sources: Texts | None
    ) -> list[float]:
        """Score each line alone; NaN if a value is not defined."""
        return [self.ratio(row) for row in self.counts(hypotheses, references, sources)]

    def counts(
        self, hypotheses: Texts, references: list[list[str]], sources: Texts | None
    ) -> Floats:
        """Return the counts `[lines, 2]`. Lines that are pooled have a total weight of 1."""
        import numpy as np  # not at the top: the command line imports this module for its help

        pooled, weights = self._pooled(references, sources)
        rows = [
            self.count(self._normalize(hypothesis), list(map(self._normalize, accepted)))
            for hypothesis, accepted in zip(hypotheses, pooled, strict=True)
        ]
        return np.array(rows, "float64") * np.array(weights)[:, np.newaxis]

    def ratio(self, sums: Floats) -> float:
        """Return the value for the sums of both counts; NaN if the denominator is 0."""
        return float(self.scale * sums[0] / sums[1]) if sums[1] else float("nan")

    def _pooled(
        self, references: list[list[str]], sources: Texts | None
    ) -> tuple[list[list[str]], list[float]]:
        if sources is None or not self.pools_sources:
            return references, [1.0] * len(references)
        # Sources are equal if they differ only in normal form or surrounding white space.
        sources = [unicodedata.normalize("NFC", source).strip() for source in sources]
        accepted: dict[str, dict[str, None]] = defaultdict(dict)  # a set that keeps its order
        for source, line in zip(sources, references, strict=True):
            accepted[source].update(dict.fromkeys(line))
        lines = Counter(sources)
        return [list(accepted[source]) for source in sources], [1 / lines[s] for s in sources]

    def _normalize(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return text.lower() if self.lowercase else text


class ExactMatch(Ratio):
    """Share of outputs that are equal to a reference, in [0, 1]."""

    name = "exact_match"
    higher_is_better, perfect = True, 1.0
    form = ".2%"
    unit, scale, pools_sources = "line", 1.0, False

    def count(self, hypothesis: str, references: list[str]) -> tuple[int, int]:
        """Return 1 if the output is right, else 0; and 1, the number of lines."""
        return int(hypothesis in references), 1


class WrongWords(Ratio):
    """Percentage of words with a wrong phone: the WER of SIGMORPHON's G2P tasks."""

    name = "g2p_wer"
    higher_is_better, perfect = False, 0.0
    unit, scale, pools_sources = "word", 100.0, True

    def count(self, hypothesis: str, references: list[str]) -> tuple[int, int]:
        """Return 1 if the word is wrong, else 0; and 1, the number of words."""
        return int(hypothesis.split() not in [line.split() for line in references]), 1


class EditRate(Ratio):
    """Edits to the nearest reference as a percentage of its units: words, phones or characters."""

    higher_is_better, perfect = False, 0.0
    scale = 100.0

    def count(self, hypothesis: str, references: list[str]) -> tuple[int, int]:
        """Count the edits to the nearest reference (the shortest if tied), and its units."""
        output = self.cut(hypothesis)
        return min((edit_distance(output, line), len(line)) for line in map(self.cut, references))

    def cut(self, text: str) -> Sequence[str]:
        """Return the units of a text; by default, what is between white space."""
        return text.split()


class WordErrorRate(EditRate):
    """Word error rate: insertions, deletions and substitutions of words, over all lines."""

    name, unit, pools_sources = "wer", "word", False


class CharacterErrorRate(EditRate):
    """Character error rate; a space is a character, but not at the ends of a line."""

    name, unit, pools_sources = "cer", "character", False

    def cut(self, text: str) -> Sequence[str]:
        """Return the characters of a text in normal form C, so a Hangul syllable is one."""
        return text.strip()


class PhoneErrorRate(EditRate):
    """Phone error rate; lines of the same source are one word with several pronunciations."""

    name, unit, pools_sources = "per", "phone", True


class Sacrebleu(TextMetric):
    """A metric that sacrebleu computes."""

    @abstractmethod
    def make(self) -> SacrebleuMetric:
        """Create the metric of sacrebleu."""

    def score(self, hypotheses: Texts, references: list[list[str]], sources: Texts | None) -> Score:
        """Score all lines together."""
        metric = self.make()
        result = metric.corpus_score(list(hypotheses), columns(references))
        return self._score(result.score, metric.get_signature())

    def score_each(
        self, hypotheses: Texts, references: list[list[str]], sources: Texts | None
    ) -> list[float]:
        """Score each line alone."""
        metric = self.make_for_lines()
        lines = zip(hypotheses, references, strict=True)
        return [metric.sentence_score(hypothesis, line).score for hypothesis, line in lines]

    def make_for_lines(self) -> SacrebleuMetric:
        """Create the metric of sacrebleu for single lines."""
        return self.make()


class Bleu(Sacrebleu):
    """BLEU (Papineni et al. 2002)."""

    name, higher_is_better, perfect = "bleu", True, 100.0

    def __init__(self, tokenize: str | None = None, lowercase: bool = False) -> None:
        super().__init__(tokenize, lowercase)
        self.make()  # raises for an unknown tokenizer before any text is translated

    def is_reachable(self, references: Texts) -> bool:
        """Return whether any reference has four tokens; otherwise BLEU is 0."""
        cut = self.make().tokenizer  # type: ignore[attr-defined]
        return any(len(cut(line.rstrip()).split()) >= BLEU_ORDER for line in references)

    def make(self) -> SacrebleuMetric:
        """Create sacrebleu's BLEU."""
        from sacrebleu.metrics.bleu import BLEU

        known = sorted(BLEU.TOKENIZERS)
        if self.tokenize is not None and self.tokenize not in known:
            raise InputError(
                f"BLEU's tokenizer must be one of {', '.join(known)}. Received: {self.tokenize!r}."
            )
        # `force` changes no score; it hides a warning about tokenized text at every validation.
        try:
            return BLEU(self.lowercase, force=True, tokenize=self.tokenize)
        except (ImportError, OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"BLEU's tokenizer {self.tokenize!r} cannot be used: {reason}"
            ) from None

    def make_for_lines(self) -> SacrebleuMetric:
        """Create sacrebleu's BLEU for single lines: n-grams longer than the line do not count."""
        metric = self.make()
        metric.effective_order = True  # type: ignore[attr-defined]
        return metric


class Chrf(Sacrebleu):
    """chrF (Popović 2015)."""

    name, higher_is_better, perfect = "chrf", True, 100.0

    def make(self) -> SacrebleuMetric:
        """Create sacrebleu's chrF2."""
        from sacrebleu.metrics.chrf import CHRF

        return CHRF(lowercase=self.lowercase)


class Ter(Sacrebleu):
    """Translation edit rate (Snover et al. 2006)."""

    name, higher_is_better, perfect = "ter", False, 0.0

    def make(self) -> SacrebleuMetric:
        """Create sacrebleu's TER."""
        from sacrebleu.metrics.ter import TER

        return TER()


def columns(references: list[list[str]]) -> list[list[Any]]:
    """Return a list with the first reference of each line, a list with the second, and so on.

    This is sacrebleu's format. None replaces a missing reference.
    """
    most = max(map(len, references))
    return [[line[n] if n < len(line) else None for line in references] for n in range(most)]


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the smallest number of insertions, deletions and substitutions (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for row, left in enumerate(first, start=1):
        diagonal, above[0] = above[0], row
        for column, right in enumerate(second, start=1):
            changed = diagonal + (left != right)
            diagonal = above[column]
            above[column] = min(changed, diagonal + 1, above[column - 1] + 1)
    return above[-1]


def format_value(name: str, value: float) -> str:
    """Return the value of a metric as papers print it."""
    return f"{value:{METRICS[name].form}}"


METRICS: dict[str, type[Ratio] | type[Sacrebleu]] = {
    kind.name: kind
    for kind in (
        *(ExactMatch, Bleu, Chrf, Ter),
        *(WordErrorRate, CharacterErrorRate, PhoneErrorRate, WrongWords),
    )
}
"""All metrics by name, in the order of the command line's help."""
