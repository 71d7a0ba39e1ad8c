"""The commands. Each reads its arguments and calls the library; heavy imports wait inside."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_attention._version import __version__
from keras_attention.cli.arguments import (
    AnyModel,
    BatchSize,
    BeamWidth,
    DataFormat,
    LengthPenalty,
    ModelFolder,
    Overrides,
    Overwrite,
    ReplaceUnknown,
    TargetFile,
)

app = typer.Typer(
    name="keras-attention",
    help="Attention sequence-to-sequence models for Keras: train, translate, look, ship.",
    epilog="Begin with: keras-attention quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"keras-attention {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Attention sequence-to-sequence models for Keras: train, translate, look, ship."""


@app.command()
def quickstart(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the models' folders go.")
    ] = Path("saved_models"),
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Learn dates, with attention and without; see the alignment; export, and check the exports.

    About two minutes on two cores; nothing is downloaded.

    Example: keras-attention quickstart --set size=10000 --set epochs=2
    """
    from keras_attention.cli.quickstart import run_quickstart

    run_quickstart(output, overrides or [], overwrite=overwrite)


@app.command()
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name, such as dates, or a .toml.")
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder.  [default: saved_models/NAME]"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a killed run, or train more epochs.")
    ] = False,
    overwrite: Overwrite = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the resolved recipe, explained; train nothing.")
    ] = False,
) -> None:
    """Train a recipe through model.fit.

    Example: keras-attention train dates --set attention=luong --set placement=after
    """
    from keras_attention.cli.output import describe_recipe, log_to_console
    from keras_attention.training.recipe import load_recipe

    resolved = load_recipe(recipe, overrides or [])
    if show:
        print(describe_recipe(resolved))
        return
    from keras_attention.training.train import train as run

    log_to_console()
    folder = output or Path("saved_models") / resolved.name
    run(resolved, folder, resume=resume, overwrite=overwrite)
    print(f"Trained. Next: keras-attention evaluate {folder}")


@app.command()
def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="multi30k, g2p or tatoeba.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Its folder.  [default: data/NAME]")
    ] = None,
    languages: Annotated[
        str,
        typer.Option(metavar="CODES", help="Commas between.  [default: those there, or all]"),
    ] = "",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download what is missing; overwrites nothing.")
    ] = False,
) -> None:
    """Say where a public data set comes from and its licence; check its folder, or fetch it.

    Example: keras-attention data multi30k data/multi30k --fetch
    """
    from keras_attention.cli.datasets import run_data

    run_data(name, folder, languages, fetch=fetch)


@app.command()
def translate(
    model: AnyModel,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Lines, or - for stdin.")] = "-",
    beam: BeamWidth = None,
    length_penalty: LengthPenalty = None,
    nbest: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Hypotheses printed, one a line, each numbered."),
    ] = 1,
    scores: Annotated[
        bool, typer.Option("--scores", help="Put the log-probability and a tab first.")
    ] = False,
    alignments: Annotated[
        bool,
        typer.Option("--alignments", help="Append a tab and source-target pairs, counted from 0."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with all weights.")
    ] = False,
    replace_unknown: ReplaceUnknown = False,
    batch_size: BatchSize = 64,
) -> None:
    """Translate lines: one in, one out, as they come.

    Example: echo "march 27, 2016" | keras-attention translate saved_models/dates --scores
    """
    from keras_attention.cli.lines import available_batches, open_lines
    from keras_attention.cli.output import format_lines
    from keras_attention.cli.runtimes import open_translator

    translator = open_translator(
        model, beam, length_penalty, nbest, replace_unknown=replace_unknown
    )
    for batch in available_batches(open_lines(file), batch_size):
        for number, translation in zip(batch.numbers, translator(batch.lines), strict=True):
            if as_json:
                print(json.dumps(translation.to_json(nbest), ensure_ascii=False))
                continue
            for line in format_lines(translation, number, nbest, scores, alignments):
                print(line)
        sys.stdout.flush()


@app.command()
def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Trained models' folders, SavedModel version folders, or .tflite files.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Pairs to evaluate on.  [default: those held out]"),
    ] = None,
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Of exact_match, bleu, chrf, ter, wer, per; commas between.",
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
        typer.Option(metavar="FILE", help="Draw the first one by length: .png, .svg or .pdf."),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Paired bootstrap: do the first two models differ?"),
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the outputs, one a line.")
    ] = None,
    beam: BeamWidth = None,
    length_penalty: LengthPenalty = None,
    replace_unknown: ReplaceUnknown = False,
    errors: Annotated[int, typer.Option(min=0, metavar="N", help="Wrong outputs shown.")] = 5,
) -> None:
    """Print how good one or more models are, and what went wrong.

    Example: keras-attention evaluate saved_models/dates --metrics bleu,chrf --beam 4
    """
    from keras_attention.cli.evaluation import Report, run_evaluate, shared_pairs, short_names
    from keras_attention.cli.runtimes import evaluation_pairs, open_translator

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
    names = short_names(models)
    if data is None:
        pairs, seen = shared_pairs(models)
    else:
        pairs, seen = evaluation_pairs(models[0], data, data_format, target)
    translators = {
        name: open_translator(model, beam, length_penalty, replace_unknown=replace_unknown)
        for name, model in zip(names, models, strict=True)
    }
    run_evaluate(translators, pairs, seen, report)


@app.command()
def score(
    model: ModelFolder,
    data: Annotated[
        Path, typer.Argument(metavar="FILE", help="Pairs: source, tab, target, one a line.")
    ],
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with every token.")
    ] = False,
) -> None:
    """Print how likely the model finds given targets; the perplexity of all goes to stderr.

    A line: the natural log-probability, the same per token, the perplexity, source, target.

    Example: keras-attention score saved_models/dates pairs.tsv
    """
    from keras_attention.cli.evaluation import run_score
    from keras_attention.cli.runtimes import evaluation_pairs

    pairs, _ = evaluation_pairs(model, data, data_format, target)
    run_score(model, pairs, as_json=as_json)


@app.command()
def plot(
    model: AnyModel,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The source.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .pdf.")
    ] = Path("alignment.png"),
    beam: BeamWidth = None,
) -> None:
    """Draw the alignment of one translation, in the terminal and as a picture.

    Example: keras-attention plot saved_models/dates "march 27, 2016" -o march.svg
    """
    from keras_attention.alignment_text import format_alignment
    from keras_attention.cli.lines import checked_text
    from keras_attention.cli.runtimes import open_translator
    from keras_attention.plotting import plot_alignment

    text = checked_text(text)
    translation = open_translator(model, beam)([text])[0]
    plot_alignment(translation, output)
    print(format_alignment(translation))
    print(f"Wrote {output}")


@app.command()
def export(
    model: ModelFolder,
    version: Annotated[
        int, typer.Option(min=1, metavar="N", help="TensorFlow Serving's version folder.")
    ] = 1,
) -> None:
    """Write the SavedModel and the TFLite file into the model's folder.

    Example: keras-attention export saved_models/dates
    """
    from keras_attention.cli.runtimes import export_all
    from keras_attention.translator import Translator

    for path in export_all(Translator.load(model), model, version=version):
        print(f"Wrote {path}")


@app.command()
def verify(
    model: ModelFolder,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Lines, or -.  [default: sources held out]"),
    ] = None,
    lines: Annotated[int, typer.Option(min=1, metavar="N", help="Lines compared at most.")] = 500,
) -> None:
    """Check that every export gives the Keras model's answers; exit code 1 where one does not.

    Example: keras-attention verify saved_models/dates
    """
    from itertools import islice

    from keras_attention.cli.lines import open_lines
    from keras_attention.cli.output import print_agreements
    from keras_attention.cli.runtimes import evaluation_pairs
    from keras_attention.export.verify import verify as run
    from keras_attention.translator import Translator

    translator = Translator.load(model)
    if file is None:
        sources = [source for source, _ in evaluation_pairs(model)[0]]
    else:
        sources = list(islice(open_lines(file), lines))
    if not print_agreements(run(translator, model, sources[:lines])):
        raise typer.Exit(1)
