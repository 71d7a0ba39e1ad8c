"""The command `plot`: shows alignments in the terminal, as a picture or as an HTML page."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import AnyModel, Features, read_features
from keras_attention.cli.lines import checked_text, note_table, open_lines
from keras_attention.cli.search_options import BeamWidth
from keras_attention.errors import InputError


def plot(
    model: AnyModel,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to translate.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="LINES",
            help="File with one text per line, or - for standard input; requires --html.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture to write: a .png, .svg or .pdf file.  [default: alignment.png, or "
            "none with --html]",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="PAGE", help="The interactive page to write: an .html file."
        ),
    ] = None,
    features: Features = None,
    beam: BeamWidth = None,
    nbest: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of hypotheses of each text on the page; requires --html.  [default: the "
            "value of --beam, or 1]",
        ),
    ] = None,
) -> None:
    """Plot which source tokens each target token attends to, as text, as a picture or as a page.

    Use it to inspect a model's attention. It translates TEXT, prints the alignment in the terminal
    and draws a picture. With --html, it writes an interactive page instead, for TEXT or for the
    lines of a file.

    Example: keras-attention plot saved_models/dates "march 27, 2016" -o march.svg

    Example: keras-attention plot saved_models/dates --file a.txt --html a.html --beam 3
    """
    from keras_attention.cli.progress import count_each, show_progress
    from keras_attention.cli.runtimes import open_translator
    from keras_attention.text.unknown_tokens import UnknownTokens
    from keras_attention.visualization.alignment_page import write_alignment_page
    from keras_attention.visualization.alignment_text import format_alignment
    from keras_attention.visualization.html_page import check_page
    from keras_attention.visualization.plotting import plot_alignment

    lines = _plotted_lines(text, file, output, page, nbest)
    if page is None:
        output = output or Path("alignment.png")
    else:
        check_page(page)
    count = nbest or beam or 1
    search = {} if beam is None else {"beam_width": beam}
    translate = open_translator(model, search, nbest=count, features=read_features(features))
    with show_progress(len(lines), unit="lines") as advance:
        translations = list(count_each(translate(lines), advance))
    if output is not None:
        plot_alignment(translations[0], output)
    if page is not None:
        title = f"Alignments of {model.resolve().name}"
        write_alignment_page(translations, page, title=title, nbest=count)
    if file is None:
        print(format_alignment(translations[0]))
    for written in filter(None, (output, page)):
        print(f"Wrote {written}")
    unknown = UnknownTokens()
    for number, translation in enumerate(translations, start=1):
        unknown.add(translation.unknown_tokens, f"line {number}" if file else "")
    if note := unknown.note(total=len(translations)):
        print(note, file=sys.stderr)


def _plotted_lines(
    text: str | None, file: str | None, picture: Path | None, page: Path | None, nbest: int | None
) -> list[str]:
    """Return the texts to plot: one text, or the lines of a file for a page."""
    if text is not None and file is not None:
        raise InputError(f"plot requires a TEXT or --file LINES. Received: both, --file {file}.")
    for name, value in {"--file": file, "--nbest": nbest}.items():
        if value is not None and page is None:
            raise InputError(f"{name} requires --html PAGE. Received: {name} {value} alone.")
    if text is not None:
        if os.path.isfile(text):
            print(
                f"note: the text {text!r} is also the name of a file; to plot its lines, use "
                f"--file {text} --html PAGE.",
                file=sys.stderr,
            )
        return [checked_text(text)]
    if file is None:
        raise InputError("plot requires a TEXT or --file LINES. Received: neither.")
    if picture is not None:
        raise InputError(
            f"--output requires a TEXT. Received: --output {picture} with --file {file}."
        )
    note_table(file)
    return list(open_lines(file))
