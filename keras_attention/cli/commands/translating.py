"""The commands that use a model: translate, and plot how it did."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    AnyModel,
    BatchSize,
    Deadline,
    MaxTokens,
    OtherModels,
    Prefix,
    ReplaceUnknown,
    Server,
    Threshold,
    WholeVocabulary,
    Words,
)
from keras_attention.cli.lines import OnError
from keras_attention.cli.search_options import (
    NONE_GIVEN,
    BeamWidth,
    SearchChoices,
    with_search_options,
)
from keras_attention.decoding.options import SearchOptions

_OUTPUT = "Output"


@with_search_options(SearchOptions)
def translate(
    model: AnyModel,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Lines, or - for stdin.")] = "-",
    others: OtherModels = None,
    search: SearchChoices = NONE_GIVEN,
    whole_vocabulary: WholeVocabulary = False,
    prefix: Prefix = "",
    batch_size: BatchSize = 64,
    max_tokens: MaxTokens = None,
    on_error: Annotated[
        OnError,
        typer.Option(
            help="What to do with a line that cannot be used: stop there, skip it (the output "
            "then has fewer lines than the input), or print an empty line.",
            rich_help_panel=_OUTPUT,
        ),
    ] = OnError.STOP,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to this file, which appears once it is complete.  [default: print]",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    nbest: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Hypotheses printed, one a line, each numbered.",
            rich_help_panel=_OUTPUT,
        ),
    ] = 1,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Put the log-probability and a tab first.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    alignments: Annotated[
        bool,
        typer.Option(
            "--alignments",
            help="Append a tab and links as Pharaoh files have them: source-target, counted from "
            "0, without `</s>`.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    threshold: Threshold = None,
    words: Words = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON object a line, with all weights.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    replace_unknown: ReplaceUnknown = False,
    server: Server = None,
    deadline: Deadline = 30.0,
) -> None:
    """Translate lines: one in, one out, as they come.

    At a line that cannot be used, the command prints the lines before it and stops with exit code
    2. With --on-error skip or empty it continues, reports these lines and their number on standard
    error, and exits with 0.

    Example: keras-attention translate saved_models/dates in.txt --output out.txt --on-error empty

    Example: echo "march 27, 2016" | keras-attention translate saved_models/dates --scores
    """
    from keras_attention.cli.lines import checked_text
    from keras_attention.cli.links import link_finder
    from keras_attention.cli.runtimes import lines_at_once, open_translator
    from keras_attention.cli.servers import SERVED_AT_ONCE, open_server
    from keras_attention.cli.translating import Printed, run_translate

    if prefix:
        search = {**search, "prefix": checked_text(prefix, "--prefix")}
    links = link_finder(model, alignments=alignments, threshold=threshold, words=words)
    if server is not None:
        refused = {
            "--with": others,
            "--replace-unknown": replace_unknown,
            "--words": words,
            "--max-tokens": max_tokens,
        }
        translator = open_server(
            server,
            model,
            search,
            nbest=nbest,
            batch_size=batch_size,
            alignments=alignments or as_json,
            deadline=deadline,
            refused=[name for name, value in refused.items() if value],
        )
        size = batch_size * SERVED_AT_ONCE
    else:
        translator = open_translator(
            model,
            search,
            others=others or (),
            nbest=nbest,
            batch_size=batch_size,
            replace_unknown=replace_unknown,
            whole_vocabulary=whole_vocabulary,
            max_tokens=max_tokens,
        )
        size = lines_at_once(model, batch_size, sample=search.get("sample", False))
    printed = Printed(nbest, scores=scores, links=links, as_json=as_json)
    run_translate(translator, file, size, printed, on_error=on_error, output=output)


def plot(
    model: AnyModel,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The source.")] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="LINES", help="Sources, a line each, or - for stdin; with --html."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A picture: a .png, .svg or .pdf. Without --html it is alignment.png.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="PAGE", help="A page for a browser: an .html to point in."),
    ] = None,
    beam: BeamWidth = None,
    nbest: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Hypotheses beside each other, with --html. Without it, as many as --beam.",
        ),
    ] = None,
) -> None:
    """Draw alignments: of a text in the terminal and as a picture, of a text or lines as a page.

    Example: keras-attention plot saved_models/dates "march 27, 2016" -o march.svg

    Example: keras-attention plot saved_models/dates --file a.txt --html a.html --beam 3
    """
    from keras_attention.cli.lines import plotted_lines
    from keras_attention.cli.runtimes import open_translator
    from keras_attention.visualization.alignment_page import check_page, write_alignment_page
    from keras_attention.visualization.alignment_text import format_alignment
    from keras_attention.visualization.plotting import plot_alignment

    lines = plotted_lines(text, file, output, page, nbest)
    if page is None:
        output = output or Path("alignment.png")
    else:
        check_page(page)
    count = nbest or beam or 1
    search = {} if beam is None else {"beam_width": beam}
    translations = list(open_translator(model, search, nbest=count)(lines))
    if output is not None:
        plot_alignment(translations[0], output)
    if page is not None:
        title = f"Alignments of {model.resolve().name}"
        write_alignment_page(translations, page, title=title, nbest=count)
    if file is None:
        print(format_alignment(translations[0]))
    for written in filter(None, (output, page)):
        print(f"Wrote {written}")
