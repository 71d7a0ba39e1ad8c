"""Text metrics by name, which score the outputs of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_attention.errors import InputError, check_texts, suggest

from .metric_kinds import METRICS, Ratio, Sacrebleu, Score, Texts

References = Sequence[str | Sequence[str]]
"""One accepted text per line, or several."""


def score(
    name: str,
    hypotheses: Texts,
    references: References,
    sources: Texts | None = None,
    *,
    tokenize: str | None = None,
    lowercase: bool = False,
) -> Score:
    """Score outputs against references.

    `bleu`, `chrf` and `ter` are computed by sacrebleu. `exact_match` is the share of outputs that
    are equal to a reference. `wer` is the word error rate of speech recognition: the smallest
    number of insertions, deletions and substitutions of words from the output to the nearest
    reference, divided by the number of words of that reference, both summed over all lines. `cer`
    is the same for characters, including spaces inside a line. `g2p_wer` and `per` are the metrics
    of grapheme-to-phoneme tasks (Gorman et al. 2020). `g2p_wer` is the share of words whose phones,
    separated by spaces, equal no reference. `per` is the number of edits of phones, divided by the
    number of phones of the nearest reference. All four error rates are in per cent.

    Args:
        name: the name of a metric in `METRICS`.
        hypotheses: the outputs, at least one.
        references: the accepted texts for each output, one or several.
        sources: the sources, for `g2p_wer` and `per`: lines with the same source are one word, and
            any of their references is accepted. Default: each line is a separate word.
        tokenize: the name of sacrebleu's tokenizer for BLEU. Default `13a`.
        lowercase: whether to compare in lower case. TER always does, which is sacrebleu's default.

    Raises:
        InputError: if there is no such metric or tokenizer.
        ValueError: if there are no lines, or the numbers of texts differ.
        TypeError: if an argument is a single string instead of a list of strings.

    Example:
        >>> print(score("wer", ["a cat sat", "a dog"], ["the cat sat", "a dog"]))
        20.00
        >>> print(score("g2p_wer", ["k a t", "d o g"], ["k a t", "d ɔ g"]))
        50.00
        >>> score("bleu", ["a cat sat on the mat"], ["a cat sat on the mat"]).signature[:40]
        'nrefs:1|case:mixed|eff:no|tok:13a|smooth'
    """
    metric = make_metric(name, tokenize=tokenize, lowercase=lowercase)
    accepted = as_lists(hypotheses, references, sources)
    return metric.score(hypotheses, accepted, sources)


def score_each(
    name: str,
    hypotheses: Texts,
    references: References,
    sources: Texts | None = None,
    **options: Any,
) -> list[float]:
    """Score each output alone, to find the worst ones.

    Args:
        name: the name of a metric in `METRICS`.
        hypotheses: the outputs, at least one.
        references: the accepted texts for each output, one or several.
        sources: the sources; see `score`.
        **options: `tokenize` and `lowercase`; see `score`.

    Returns:
        The value for each output; NaN if it is not defined, as for an empty reference.

    Raises:
        InputError: if there is no such metric or tokenizer.
        ValueError: if there are no lines, or the numbers of texts differ.

    Example:
        >>> score_each("wer", ["a cat sat down", "a dog"], ["the cat sat down", "a cat"])
        [25.0, 50.0]
    """
    metric = make_metric(name, **options)
    return metric.score_each(hypotheses, as_lists(hypotheses, references, sources), sources)


def make_metric(
    name: str, *, tokenize: str | None = None, lowercase: bool = False
) -> Ratio | Sacrebleu:
    """Create a metric by its name; see `score` for the arguments."""
    if name not in METRICS:
        raise InputError(
            f"expected one of the metrics {', '.join(METRICS)}{suggest(name, METRICS)}. "
            f"Received: {name!r}."
        )
    return METRICS[name](tokenize, lowercase)


def higher_is_better(name: str) -> bool:
    """Return whether a higher value of the metric is better."""
    return METRICS[name].higher_is_better


def as_lists(
    hypotheses: Texts, references: References, sources: Texts | None = None
) -> list[list[str]]:
    """Return the references of each line as a list."""
    check_texts(hypotheses, "hypotheses")
    check_texts(references, "references")
    check_texts(sources or (), "sources")
    accepted = [[line] if isinstance(line, str) else list(line) for line in references]
    numbers = {len(hypotheses), len(accepted), len(hypotheses if sources is None else sources)}
    if len(numbers) > 1 or not hypotheses or not all(accepted):
        raise ValueError(
            "`hypotheses`, `references` and `sources` must have the same length, at least 1, and "
            "each line must have a reference. "
            f"Received: {len(hypotheses)} hypotheses, {len(accepted)} references."
        )
    return accepted
