"""The commands that ship a model: export, and verify what was exported."""

from typing import Annotated

import typer

from keras_attention.cli.arguments import ModelFolder


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
