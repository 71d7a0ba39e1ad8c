"""The commands that judge a model: evaluate, and score or align given pairs."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    KerasModel,
    MaxTokens,
    OtherModels,
    ReplaceUnknown,
    TargetFile,
    Threshold,
    WholeVocabulary,
    Words,
)
from keras_attention.cli.search_options import NONE_GIVEN, SearchChoices, with_search_options
from keras_attention.decoding.options import StoredOptions
from keras_attention.training.metrics.metric_kinds import METRICS


@with_search_options(StoredOptions)
def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Trained models' folders or checkpoints, SavedModel version folders, or .tflite "
            "files.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Pairs to evaluate on.  [default: those held out]"),
    ] = None,
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Metrics, separated by commas: {', '.join(METRICS)}.  [default: exact_match]",
        ),
    ] = "",
    tokenize: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="sacrebleu's tokenizer for BLEU.  [default: 13a]"),
    ] = None,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Ignore case.")] = False,
    by_length: Annotated[
        bool, typer.Option("--by-length", help="Print the metrics by source length too.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw the first metric by source length: .png, .svg or .pdf."
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Paired bootstrap: do the first two models differ?"),
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the outputs, one a line.")
    ] = None,
    others: OtherModels = None,
    search: SearchChoices = NONE_GIVEN,
    whole_vocabulary: WholeVocabulary = False,
    replace_unknown: ReplaceUnknown = False,
    errors: Annotated[int, typer.Option(min=0, metavar="N", help="Wrong outputs shown.")] = 5,
) -> None:
    """Print how good one or more models are, and what went wrong.

    Example: keras-attention evaluate saved_models/dates --metrics bleu,chrf --beam 4
    """
    from keras_attention.cli.evaluation import Report, run_evaluate, shared_pairs, short_names
    from keras_attention.cli.lines import check_output
    from keras_attention.cli.notes import compared_form, print_notes
    from keras_attention.cli.runtimes import evaluation_pairs, open_translator

    members = others or []
    report = Report(
        metrics=metrics,
        tokenize=tokenize,
        lowercase=lowercase,
        by_length=by_length,
        picture=picture,
        compare=compare,
        output=output,
        errors=errors,
    )
    report.check(models)
    check_output(output, data, target)
    names = short_names(models, members)
    if data is None and not settings:
        pairs, seen = shared_pairs([*models, *members])
    else:
        pairs, seen = evaluation_pairs(models[0], data, data_format, target, settings or ())
    together = {models[0]: members}
    translators = {
        name: open_translator(
            model,
            search,
            others=together.get(model, ()),
            replace_unknown=replace_unknown,
            whole_vocabulary=whole_vocabulary,
            any_length=True,
        )
        for name, model in zip(names, models, strict=True)
    }
    print_notes(models, pairs, report)
    run_evaluate(translators, pairs, seen, report, compared_form(models))


def score(
    model: KerasModel,
    data: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file of pairs; tsv: source, tab, target.")
    ],
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    max_tokens: MaxTokens = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with every token.")
    ] = False,
) -> None:
    """Print how likely the model finds given targets; the perplexity of all goes to stderr.

    A line: the natural log-probability, the same per token, the perplexity, source, target. A tab
    in a text is written as a space.

    Example: keras-attention score saved_models/dates pairs.tsv
    """
    from keras_attention.cli.evaluation import run_score
    from keras_attention.cli.runtimes import evaluation_pairs

    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or ())
    run_score(model, pairs, as_json=as_json, max_tokens=max_tokens)


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
            help="Say on stderr how good the links are, against those of a Pharaoh file: i-j is "
            "sure, ipj or i?j possible. Or dates, copy, reverse or date-sentences, tasks of which "
            "they are known.",
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
    """Print which source tokens the model looks at to write given targets: a Pharaoh line a pair.

    A link is source-target, counted from 0; `</s>` is left out. Tokens are the model's, characters
    or pieces of words, where --words is not given. Against --gold stand alignment error rate,
    precision and recall (Och and Ney 2003); over 25 % they are said not to align well.

    Example: keras-attention align saved_models/dates --gold dates
    """
    from keras_attention.cli.aligning import Wanted, run_align
    from keras_attention.cli.runtimes import evaluation_pairs

    wanted = Wanted(threshold, words, soft, reverse, symmetrize, gold, max_tokens)
    wanted.check()
    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or ())
    run_align(model, pairs, wanted)
