"""The command `evaluate`: measures the quality of models on pairs, and shows wrong outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    Allowed,
    DataFormat,
    DataSettings,
    Features,
    Glossary,
    OtherModels,
    OutputPattern,
    ReplaceUnknown,
    TargetFile,
    WholeVocabulary,
    read_features,
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
            metavar="MODEL",
            help="One or more models: folders of trained models, .keras checkpoints, SavedModel "
            "version folders or .tflite files.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of pairs to evaluate on.  [default: the held-out pairs]"
        ),
    ] = None,
    held_out_of: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Evaluate on the held-out pairs of this other model, for example to compare a "
            "fine-tuned model with the model that it started from.",
        ),
    ] = None,
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    features: Features = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Metrics to print, separated by commas: {', '.join(METRICS)}.  "
            "[default: exact_match]",
        ),
    ] = "",
    tokenize: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of sacrebleu's tokenizer for BLEU.  [default: 13a]"
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Ignore case; requires --metrics.")
    ] = False,
    by_length: Annotated[
        bool, typer.Option("--by-length", help="Also print the metrics by source length.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Plot the first metric by source length, as a .png, .svg or .pdf file.",
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Test whether the first two models differ significantly, by paired bootstrap "
            "resampling.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the outputs to this file, one per line; requires one model."
        ),
    ] = None,
    report_page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a report on the errors as an HTML page: confused tokens, errors by "
            "length and frequency, the worst outputs, calibration, and which outputs a person "
            "should check. Requires one model.",
            rich_help_panel="Error report",
        ),
    ] = None,
    report_accuracy: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="Choose the threshold so that this share of the accepted outputs is right, from "
            "0 to 1.  [default: a threshold that halves the error rate]",
            rich_help_panel="Error report",
        ),
    ] = None,
    save_confidence: Annotated[
        bool,
        typer.Option(
            "--save-confidence",
            help="Store the temperature and the suggested threshold in the model's folder. "
            "`translate --min-confidence auto` and `export` use them.",
            rich_help_panel="Error report",
        ),
    ] = False,
    others: OtherModels = None,
    search: SearchChoices = NONE_GIVEN,
    whole_vocabulary: WholeVocabulary = False,
    allowed: Allowed = None,
    pattern: OutputPattern = None,
    terms: Glossary = None,
    save_limit: Annotated[
        bool,
        typer.Option(
            "--save-limit",
            help="Store the limit of --allowed or --pattern in the model's folder, so that "
            "`translate`, `evaluate` and `export` obey it from now on. Without these options, "
            "remove the stored limit.",
            rich_help_panel="Search",
        ),
    ] = False,
    replace_unknown: ReplaceUnknown = False,
    errors: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of wrong outputs to show.")
    ] = 5,
) -> None:
    """Measure the quality of one or more models on pairs, and show wrong outputs.

    Use it after training to choose between models or search options. It evaluates on the held-out
    pairs of the run, or on your own file of pairs, and can also evaluate exports. If the sources
    have a source feature, such as the language, it also prints each metric for each value of the
    feature, and the mean over the values.

    Example: keras-attention evaluate saved_models/dates --metrics exact_match,chrf --beam 4

    Example: keras-attention evaluate saved_models/dates --report errors.html --save-confidence

    Example: keras-attention evaluate saved_models/dates --pattern '[0-9]{4}-[0-9-]{5}' --save-limit
    """
    from keras_attention.cli.command_parts.error_report import (
        ReportChoices,
        describe_run,
        report_errors,
    )
    from keras_attention.cli.command_parts.evaluation_pairs import (
        evaluation_pairs,
        same_run,
        shared_pairs,
    )
    from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport, run_evaluate
    from keras_attention.cli.command_parts.minimum_confidence import stored_confidence
    from keras_attention.cli.command_parts.reference_forms import (
        output_form,
        print_notes,
        target_tokenizer,
    )
    from keras_attention.cli.command_parts.stored_limit import (
        check_saved_limit,
        note_limits,
    )
    from keras_attention.cli.command_parts.stored_limit import save_limit as store_limit
    from keras_attention.cli.output_limit import read_limit
    from keras_attention.cli.runtimes import open_translator
    from keras_attention.training.evaluation.report.analysis import Question
    from keras_attention.training.evaluation.report.token_form import TokenForm
    from keras_attention.translation.folders.model_paths import is_export

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
    members = others or []
    limit = read_limit(allowed, pattern, terms)
    search = {**search, **limit}
    choices = ReportChoices(report_page, report_accuracy, save_confidence)
    report.check(models)
    choices.check(models, members, output, limit)
    if save_limit:
        check_saved_limit(models, members, limit)
    check_output(output, data, target, allowed, terms)
    check_output(report_page, data, target, allowed, terms, option="--report")
    names = _short_names(models, members)
    carried = read_features(features)
    if held_out_of is not None and data is not None:
        raise InputError("--held-out-of and --data exclude each other; choose one of them.")
    read = data, data_format, target, settings or (), carried
    if held_out_of is None and read == (None, "tsv", None, (), {}):
        pairs, seen = shared_pairs([*models, *members])
    else:
        pairs, seen = evaluation_pairs(held_out_of or models[0], *read)
    others_pairs = held_out_of is not None and not same_run([held_out_of, *models, *members])
    if others_pairs:
        seen = set()  # the sources that the other run was trained on do not matter here
    all_exports = all(map(is_export, models))
    translators = {
        name: open_translator(
            model,
            search,
            others=members if model == models[0] else (),
            replace_unknown=replace_unknown,
            # An export always considers all tokens. When a model is compared with its export, the
            # option applies only to the model.
            whole_vocabulary=whole_vocabulary and (all_exports or not is_export(model)),
            any_length=True,
            features=carried,
        )
        for name, model in zip(names, models, strict=True)
    }
    print_notes(models, pairs, report)
    note_limits(models, search)
    with choices.open_page() as page:
        evaluations = run_evaluate(translators, pairs, seen, report, output_form(models))
        if choices.requested:
            (model,), (name,) = models, names
            used = None  # the fitted temperature, which is about to be stored
            if not choices.save:
                used = stored_confidence(model, others=bool(members)).temperature
            question = Question(
                report.names,
                TokenForm.of(target_tokenizer(model)),
                report.options,
                choices.accuracy,
                frozenset(seen),
                used,
            )
            about = describe_run(name, data, len(pairs), held_out_of if others_pairs else None)
            report_errors(evaluations[name], model, choices, question, page=page, about=about)
    if page:
        print(f"Wrote {report_page}")
    if save_limit:
        store_limit(models[0], limit)


def _short_names(models: Sequence[Path], others: Sequence[Path] = ()) -> list[str]:
    """Return the name of each model's folder or file, or all paths if two names are equal."""
    if len(set(models)) < len(models):
        raise InputError("expected different models. Received: the same model twice.")
    every = {*models, *others}
    short = len({path.resolve().name for path in every}) == len(every)

    def name(path: Path) -> str:
        return path.resolve().name if short else str(path)

    names = [name(path) for path in models]
    return [" + ".join([names[0], *map(name, others)]), *names[1:]]
