"""`align`: the links between the tokens of given pairs, and how good they are."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    KerasModel,
    MaxTokens,
    TargetFile,
    Threshold,
    Words,
)
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.alignment.links import AlignmentQuality
    from keras_attention.translation.translator import Translator


def align(
    model: KerasModel,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A file of pairs; tsv: source, tab, target.  [default: the held-out pairs]",
        ),
    ] = None,
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    max_tokens: MaxTokens = None,
    gold: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Compare the links with those of a Pharaoh file, in which i-j is sure and ipj or "
            "i?j possible, or with those of dates, copy, reverse or date-sentences, tasks whose "
            "links are known; the result goes to standard error.",
        ),
    ] = None,
    reverse: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="A model from target to source, to join links with."),
    ] = None,
    symmetrize: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="How: intersection, union or grow-diag-final-and (the default).",
        ),
    ] = None,
    threshold: Threshold = None,
    words: Words = False,
    soft: Annotated[
        bool,
        typer.Option(
            "--soft",
            help="Print all weights, a JSON matrix a line: target tokens down, source tokens "
            "across, both with `</s>`.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """Print the links between source and target tokens of given pairs, a Pharaoh line a pair.

    Use it to align a corpus with a trained model, or to measure how well its attention aligns. A
    link is source-target, counted from 0, without `</s>`. Tokens are the model's, characters or
    pieces of words, unless --words is given. With --gold the command prints alignment error rate,
    precision and recall (Och and Ney 2003), and says so if the error rate is over 25 %.

    Example: keras-attention align saved_models/dates --gold dates
    """
    from keras_attention.alignment import symmetrization
    from keras_attention.alignment.links import check_threshold, format_links, measure_alignments
    from keras_attention.cli.command_parts.gold_alignments import check_gold, read_gold
    from keras_attention.cli.command_parts.pair_links import find_links, join_links, load_aligner
    from keras_attention.cli.runtimes import evaluation_pairs

    check_threshold(threshold, "--threshold")
    if symmetrize and not reverse:
        raise InputError("--symmetrize needs a second model, --reverse MODEL.")
    method = symmetrize or symmetrization.DEFAULT_METHOD
    symmetrization.symmetrize(frozenset(), frozenset(), method)  # before a model is loaded
    if soft:
        _check_soft(threshold is not None, words, reverse is not None, gold is not None)
    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or ())
    right = read_gold(gold, pairs) if gold else []
    translator = load_aligner(model, max_tokens)
    if soft:
        _print_weights(translator, pairs)
        return
    if gold:
        check_gold(gold, right, pairs, translator.codec, words=words)
    links = find_links(translator, pairs, threshold, words=words)
    if reverse:
        other = load_aligner(reverse, max_tokens), reverse
        links = join_links(links, translator, other, pairs, threshold, method, words=words)
    found = []
    for each in links:
        print(format_links(each))
        found.append(each)
    if gold:
        sys.stdout.flush()
        _print_quality(measure_alignments(found, right))


def _check_soft(threshold: bool, words: bool, reverse: bool, gold: bool) -> None:
    """Refuse --soft with the options of links that are given."""
    given = {"--threshold": threshold, "--words": words, "--reverse": reverse, "--gold": gold}
    for name, value in given.items():
        if value:
            raise InputError(f"--soft prints weights, not links, and goes without {name}.")


def _print_weights(translator: "Translator", pairs: Sequence[tuple[str, str]]) -> None:
    import json

    import numpy as np

    from keras_attention.translation.forced_alignment import align_pairs

    for aligned in align_pairs(translator, pairs):
        print(json.dumps(np.round(aligned.weights.astype(float), 4).tolist()))


def _print_quality(quality: "AlignmentQuality") -> None:
    from keras_attention.alignment.links import HIGH_ERROR

    print(
        f"alignment error rate {quality.error:.2%}  of {quality.pairs} pairs, "
        f"precision {quality.precision:.2%} of {quality.found} links, "
        f"recall {quality.recall:.2%} of {quality.sure} sure ones",
        file=sys.stderr,
    )
    if not quality.is_good:
        print(
            f"note: these weights do not align well: the alignment error rate is over "
            f"{HIGH_ERROR:.0%}.",
            file=sys.stderr,
        )
