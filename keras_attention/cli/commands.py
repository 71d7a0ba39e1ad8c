"""The commands. Each reads its arguments and calls the library; heavy imports wait inside."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_attention._version import __version__

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

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="A trained model's folder.")]
AnyModel = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A trained model's folder, a SavedModel version folder, or a .tflite file.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's setting; repeatable."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Remove the run that stands there.")]
BeamWidth = Annotated[
    int | None,
    typer.Option("--beam", min=1, metavar="K", help="Hypotheses searched (1 = greedy)."),
]
LengthPenalty = Annotated[
    float | None, typer.Option(min=0.0, metavar="ALPHA", help="Exponent of the length penalty.")
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Lines searched together.")]


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
    batch_size: BatchSize = 64,
) -> None:
    """Translate lines: one in, one out, as they come.

    Example: echo "march 27, 2016" | keras-attention translate saved_models/dates --scores
    """
    from keras_attention.cli.lines import available_batches, open_lines
    from keras_attention.cli.output import format_lines
    from keras_attention.cli.runtimes import open_translator

    translator = open_translator(model, beam, length_penalty, nbest)
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
    model: AnyModel,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Pairs to evaluate on.  [default: those held out]"),
    ] = None,
    data_format: Annotated[
        str, typer.Option("--format", help="How they are stored: tsv, dates or parallel.")
    ] = "tsv",
    target: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The targets, with --format parallel.")
    ] = None,
    beam: BeamWidth = None,
    length_penalty: LengthPenalty = None,
    errors: Annotated[int, typer.Option(min=0, metavar="N", help="Wrong outputs shown.")] = 5,
) -> None:
    """Print the share of exact matches, and what went wrong.

    Example: keras-attention evaluate saved_models/dates --beam 4
    """
    from keras_attention.cli.output import print_evaluation
    from keras_attention.cli.runtimes import evaluation_pairs, open_translator
    from keras_attention.training.evaluate import evaluate as run

    pairs, seen = evaluation_pairs(model, data, data_format, target)
    print_evaluation(run(open_translator(model, beam, length_penalty), pairs), seen, errors)


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
    from keras_attention.cli.runtimes import open_translator
    from keras_attention.plotting import plot_alignment

    translation = open_translator(model, beam)([text])[0]
    print(format_alignment(translation))
    plot_alignment(translation, output)
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
