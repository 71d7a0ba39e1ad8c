"""The command `verify`: compares the outputs of every export with those of the Keras model."""

from itertools import islice
from typing import Annotated

import typer

from keras_attention.cli.arguments import ModelFolder
from keras_attention.cli.lines import note_table, open_lines
from keras_attention.settings.setting import LARGEST


def verify(
    model: ModelFolder,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="File with one text per line, or - for standard input.  [default: the sources of "
            "the held-out pairs]",
        ),
    ] = None,
    lines: Annotated[
        int,
        typer.Option(min=1, max=LARGEST, metavar="N", help="Largest number of lines to compare."),
    ] = 500,
) -> None:
    """Check that every export of a model returns the same outputs as the Keras model.

    Use it after an export, or after an update of Keras, TensorFlow or the TFLite runtime. The exit
    code is 1 if an export differs.

    Example: keras-attention verify saved_models/dates
    """
    from keras_attention.cli.command_parts.evaluation_pairs import held_out_pairs
    from keras_attention.cli.exports import verify_exports
    from keras_attention.translation.translator import Translator

    translator = Translator.load(model)
    if file is None:
        pairs, _ = held_out_pairs(model, "give a FILE with one text per line")
        sources = [source for source, _ in pairs]
    else:
        note_table(file)
        sources = list(islice(open_lines(file), lines))
    if not verify_exports(translator, model, sources[:lines]):
        raise typer.Exit(1)
