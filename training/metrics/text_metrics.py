"""Text metrics by name: what the decoded outputs of a test set are worth."""

from __future__ import annotations

from collections.abc import Sequence

from keras_attention.errors import InputError, suggest

from .metric_kinds import METRICS, Ratio, Sacrebleu, Score, Texts

References = Sequence[str | Sequence[str]]
"""One accepted text a line, or several."""


def score(
    name: str,
    hypotheses: Texts,
    references: References,
    sources: Texts | None = None,
    *,
    tokenize: str | None = None,
    lowercase: bool = False,
) -> Score:
    """Scores outputs against what was expected.

    `bleu`, `chrf` and `ter` are sacrebleu's. `exact_match` is the share of outputs equal to a
    reference. `wer` is the word error rate of speech recognition: the fewest insertions, deletions
    and substitutions of words that lead to the nearest reference, over the words of that
    reference, summed over all lines. `g2p_wer` and `per` are those of grapheme-to-phoneme tasks
    (Gorman et al. 2020): the share of words whose phones, separated by spaces, are not exactly a
    reference's; and the edits of phones, over the phones of the nearest reference. All three times
    100.

    Args:
        name: one of `METRICS`.
        hypotheses: the outputs, at least one.
        references: what is accepted for each of them, one text or several.
        sources: for `g2p_wer` and `per`: lines of the same source are one word, and any of their
            references is accepted. Default: each line is a word of its own.
        tokenize: BLEU's tokenizer by sacrebleu's name. Default `13a`.
        lowercase: compare in lower case. TER always does, as sacrebleu's default is.

    Returns:
        The score of all lines together.

    Raises:
        InputError: if there is no such metric or tokenizer.
        ValueError: if there are no lines, or not as many of one kind as of the other.

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


def make_metric(
    name: str, *, tokenize: str | None = None, lowercase: bool = False
) -> Ratio | Sacrebleu:
    """The metric of a name; `score` explains the arguments.

    Raises:
        InputError: if there is no such metric or tokenizer.
    """
    if name not in METRICS:
        raise InputError(
            f"There is no metric {name!r}{suggest(name, METRICS)}. Known: {', '.join(METRICS)}."
        )
    return METRICS[name](tokenize, lowercase)


def higher_is_better(name: str) -> bool:
    """Whether more of the metric is better."""
    return METRICS[name].higher_is_better


def as_lists(
    hypotheses: Texts, references: References, sources: Texts | None = None
) -> list[list[str]]:
    """The references of each line as a list.

    Raises:
        ValueError: if there are no lines, a line has no reference, or the numbers differ.
    """
    accepted = [[line] if isinstance(line, str) else list(line) for line in references]
    numbers = {len(hypotheses), len(accepted), len(hypotheses if sources is None else sources)}
    if len(numbers) > 1 or not hypotheses or not all(accepted):
        raise ValueError(
            "`hypotheses`, `references` and `sources` must be as many, at least one, with a "
            f"reference each. Received: {len(hypotheses)} hypotheses, {len(accepted)} references."
        )
    return accepted
