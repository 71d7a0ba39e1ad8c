"""`evaluate`: how good models are on pairs, and what went wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    OtherModels,
    ReplaceUnknown,
    TargetFile,
    WholeVocabulary,
)
from keras_attention.cli.lines import check_output
from keras_attention.cli.search_options import NONE_GIVEN, SearchChoices, with_search_options
from keras_attention.decoding.options import StoredOptions
from keras_attention.errors import InputError
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
    """Measure how good one or more models are on pairs, and show what went wrong.

    Use it after training, on the pairs that the recipe held out or on a file of your own, to choose
    between models or options of search. Exports are evaluated like the models that they come from.

    Example: keras-attention evaluate saved_models/dates --metrics bleu,chrf --beam 4
    """
    from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport, run_evaluate
    from keras_attention.cli.command_parts.reference_forms import output_form, print_notes
    from keras_attention.cli.runtimes import evaluation_pairs, open_translator

    report = EvaluationReport(
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
    members = others or []
    names = _short_names(models, members)
    if data is None and not settings:
        pairs, seen = _shared_pairs([*models, *members])
    else:
        pairs, seen = evaluation_pairs(models[0], data, data_format, target, settings or ())
    translators = {
        name: open_translator(
            model,
            search,
            others=members if model == models[0] else (),
            replace_unknown=replace_unknown,
            whole_vocabulary=whole_vocabulary,
            any_length=True,
        )
        for name, model in zip(names, models, strict=True)
    }
    print_notes(models, pairs, report)
    run_evaluate(translators, pairs, seen, report, output_form(models))


def _shared_pairs(models: Sequence[Path]) -> tuple[list[tuple[str, str]], set[str]]:
    """Return the pairs that all models held out, and the sources that any of them was trained on.

    Raises:
        InputError: If they did not hold out the same pairs.
    """
    from keras_attention.cli.runtimes import evaluation_pairs

    pairs, seen = evaluation_pairs(models[0])
    for model in models[1:]:
        others, trained_on = evaluation_pairs(model)
        if others != pairs:
            raise InputError(
                f"{model}: held out other pairs than {models[0]}; name a file with --data."
            )
        seen |= trained_on
    return pairs, seen


def _short_names(models: Sequence[Path], others: Sequence[Path] = ()) -> list[str]:
    """Return the name of each model's folder or file, or its path if two names are equal.

    Args:
        models: What is evaluated.
        others: What is searched together with the first.

    Raises:
        InputError: If a model comes twice.
    """
    if len(set(models)) < len(models):
        raise InputError("expected different models. Received: one of them twice.")
    every = {*models, *others}
    short = len({path.resolve().name for path in every}) == len(every)

    def name(path: Path) -> str:
        return path.resolve().name if short else str(path)

    names = [name(path) for path in models]
    return [" + ".join([names[0], *map(name, others)]), *names[1:]]
