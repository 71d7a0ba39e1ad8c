"""The command `align`: prints the links between the tokens of given pairs, and their quality."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    Features,
    KerasModel,
    MaxTokens,
    TargetFile,
    Threshold,
    Words,
    read_features,
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
            help="A file of pairs; in tsv, a line is source, tab, target.  [default: the held-out "
            "pairs]",
        ),
    ] = None,
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    features: Features = None,
    max_tokens: MaxTokens = None,
    gold: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Compare the links with the right ones, and print the result on standard error. "
            "FILE is in Pharaoh format: i-j is a sure link, and ipj or i?j is a possible one. For "
            "dates, copy, reverse and date-sentences, whose links are known, pass this name "
            "instead of a file.",
        ),
    ] = None,
    reverse: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="A model that translates from target to source. Its links are combined with "
            "those of the first model.",
        ),
    ] = None,
    symmetrize: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="How to combine the links of the two models: intersection, union or "
            "grow-diag-final-and; requires --reverse.  [default: grow-diag-final-and]",
        ),
    ] = None,
    threshold: Threshold = None,
    words: Words = False,
    soft: Annotated[
        bool,
        typer.Option(
            "--soft",
            help="Print the weights instead of links: one JSON matrix per pair, with a row per "
            "target token and a column per source token. `</s>` is included on both sides.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """Print the links between source and target tokens of given pairs, one line per pair.

    Use it to align a corpus with a trained model, or to measure how well the model's attention
    aligns. The output is in Pharaoh format: source-target, counted from 0, without `</s>`. It links
    the tokens of the model, such as characters or subwords, or words with --words. With --gold, it
    also prints the alignment error rate, precision and recall (Och and Ney 2003), and a note if the
    error rate is over 25 %.

    Example: keras-attention align saved_models/dates --gold dates
    """
    from keras_attention.alignment import symmetrization
    from keras_attention.alignment.links import check_threshold, format_links, measure_alignments
    from keras_attention.cli.command_parts.evaluation_pairs import evaluation_pairs
    from keras_attention.cli.command_parts.gold_alignments import check_gold, read_gold
    from keras_attention.cli.command_parts.pair_links import find_links, join_links, load_aligner
    from keras_attention.cli.progress import count_each, show_progress

    check_threshold(threshold, "--threshold")
    if symmetrize and not reverse:
        raise InputError(
            f"--symmetrize requires --reverse MODEL. Received: --symmetrize {symmetrize} alone."
        )
    method = symmetrize or symmetrization.DEFAULT_METHOD
    symmetrization.symmetrize(frozenset(), frozenset(), method)  # checks the method
    if soft:
        _check_soft(threshold is not None, words, reverse is not None, gold is not None)
    carried = read_features(features)
    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or (), carried)
    right = read_gold(gold, pairs) if gold else []
    translator = load_aligner(model, max_tokens)
    translator.codec.source.features.check(carried)
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
    with show_progress(len(pairs), unit="pairs", prints=True) as advance:
        for each in count_each(links, advance):
            print(format_links(each))
            found.append(each)
    if gold:
        sys.stdout.flush()
        _print_quality(measure_alignments(found, right))


def _check_soft(threshold: bool, words: bool, reverse: bool, gold: bool) -> None:
    """Check that --soft is given without the options that concern links."""
    given = {"--threshold": threshold, "--words": words, "--reverse": reverse, "--gold": gold}
    for name, value in given.items():
        if value:
            raise InputError(
                f"--soft prints weights instead of links. Received: --soft together with {name}."
            )


def _print_weights(translator: "Translator", pairs: Sequence[tuple[str, str]]) -> None:
    import json

    import numpy as np

    from keras_attention.cli.progress import count_each, show_progress
    from keras_attention.translation.forced_alignment import align_pairs

    with show_progress(len(pairs), unit="pairs", prints=True) as advance:
        for aligned in count_each(align_pairs(translator, pairs), advance):
            print(json.dumps(np.round(aligned.weights.astype(float), 4).tolist()))


def _print_quality(quality: "AlignmentQuality") -> None:
    from keras_attention.alignment.links import HIGH_ERROR

    print(
        f"alignment error rate {quality.error:.2%}  of {quality.pairs} pairs, "
        f"precision {quality.precision:.2%} of {quality.found} links, "
        f"recall {quality.recall:.2%} of {quality.sure} sure links",
        file=sys.stderr,
    )
    if not quality.is_good:
        print(
            f"note: the attention weights align poorly: the alignment error rate is over "
            f"{HIGH_ERROR:.0%}.",
            file=sys.stderr,
        )
