"""The columns that `translate` prints for each translation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.alignment.links import Links, check_threshold, format_links
from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence
from keras_attention.cli.lines import Line
from keras_attention.errors import InputError
from keras_attention.translation.result import Hypothesis, Translation

FindLinks = Callable[[Translation, Hypothesis], Links]


@dataclass(frozen=True)
class Columns:
    """The parts of a translation to print, and their format.

    Attributes:
        nbest: Largest number of hypotheses.
        scores: Whether to print log-probabilities.
        links: A function that returns the links to print; None to print no links.
        as_json: Whether to print all parts, as JSON.
        minimum: Marks each output as "ok" or "check"; None to print no marks.
    """

    nbest: int = 1
    scores: bool = False
    links: FindLinks | None = None
    as_json: bool = False
    minimum: MinimumConfidence | None = None

    def lines(self, translation: Translation, number: int) -> Iterator[str]:
        """Yield a line for each hypothesis, with tabs between the columns.

        If no hypothesis has a finite score, yield one line with an empty output.
        """
        if self.as_json:
            yield json.dumps(self._json(translation), ensure_ascii=False)
            return
        for hypothesis in translation.hypotheses[: self.nbest] or [translation.best]:
            columns = [str(number)] if self.nbest > 1 else []
            columns += [self.minimum.mark(hypothesis)] if self.minimum else []
            columns += [f"{hypothesis.score:.4f}"] if self.scores else []
            columns.append(hypothesis.text)
            columns += [format_links(self.links(translation, hypothesis))] if self.links else []
            yield "\t".join(columns)

    def needs_check(self, translation: Translation) -> bool:
        """Return whether the best hypothesis of a translation is marked with "check"."""
        return self.minimum is not None and self.minimum.needs_check(translation)

    def _json(self, translation: Translation) -> dict[str, Any]:
        """Return a translation as JSON values, with the confidence of each hypothesis."""
        values = translation.to_json(self.nbest)
        if self.minimum:
            for item, hypothesis in zip(values["hypotheses"], translation.hypotheses, strict=False):
                item["confidence"] = round(self.minimum.confidence.of(hypothesis), 6)
                item["check"] = self.minimum.needs_check(hypothesis)
        return values

    def empty_lines(self, line: Line, number: int, problem: str) -> Iterator[str]:
        """Yield the output for a line that cannot be used: empty, or JSON with the problem."""
        if self.as_json:
            nothing = Translation("" if isinstance(line, InputError) else line, (), ())
            yield json.dumps({**nothing.to_json(), "error": problem}, ensure_ascii=False)
        else:
            yield f"{number}\t" if self.nbest > 1 else ""


def link_finder(
    model: Path, *, alignments: bool, threshold: float | None, words: bool
) -> FindLinks | None:
    """Return the function that finds the links of a hypothesis, or None if none are printed.

    Args:
        model: The model's folder or checkpoint, whose tokenizers define the words.
        alignments: Whether to print links.
        threshold: See `hard_links`.
        words: Whether links are between words instead of tokens.
    """
    check_threshold(threshold, "--threshold")
    if not alignments:
        if words or threshold is not None:
            given = "--words" if words else f"--threshold {threshold}"
            raise InputError(
                f"--threshold and --words require --alignments. Received: {given} alone."
            )
        return None
    if not words:
        return lambda translation, hypothesis: hypothesis.links(threshold)
    from keras_attention.translation.model_files import find_parts, load_codec

    try:
        codec = load_codec(find_parts(model)[0])
    except InputError:
        raise InputError(
            f"{model}: --words requires the folder of a model. Received: no tokenizers there."
        ) from None
    return lambda translation, hypothesis: codec.word_links(
        hypothesis.links(threshold), translation.source_tokens, hypothesis.tokens
    )
