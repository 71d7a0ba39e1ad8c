"""The command `translate`: translates lines of a file or of standard input."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    Allowed,
    AnyModel,
    BatchSize,
    Deadline,
    Features,
    MaxTokens,
    OtherModels,
    OutputPattern,
    Prefix,
    ReplaceUnknown,
    Server,
    Threshold,
    WholeVocabulary,
    Words,
    read_features,
)
from keras_attention.cli.lines import OnError
from keras_attention.cli.search_options import NONE_GIVEN, SearchChoices, with_search_options
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError

_OUTPUT = "Output"


@with_search_options(SearchOptions)
def translate(
    model: AnyModel,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="File with one text per line, or - for standard input."
        ),
    ] = "-",
    others: OtherModels = None,
    search: SearchChoices = NONE_GIVEN,
    whole_vocabulary: WholeVocabulary = False,
    prefix: Prefix = "",
    allowed: Allowed = None,
    pattern: OutputPattern = None,
    batch_size: BatchSize = 64,
    features: Features = None,
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
            help="Write to this file, which appears when it is complete.  [default: standard "
            "output]",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    nbest: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of hypotheses to print for each line. With 2 or more, each output line "
            "begins with the number of its source line, counted from 0, and a tab.",
            rich_help_panel=_OUTPUT,
        ),
    ] = 1,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Print the log-probability and a tab before each output.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    alignments: Annotated[
        bool,
        typer.Option(
            "--alignments",
            help="Print a tab and the links after each output, in Pharaoh format: source-target, "
            "counted from 0, without `</s>`.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    threshold: Threshold = None,
    words: Words = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a JSON object per line, with all weights.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    min_confidence: Annotated[
        str | None,
        typer.Option(
            metavar="P|auto",
            help="Print 'check' and a tab before each output whose confidence is below P, a number "
            "from 0 to 1, and 'ok' and a tab before the others. The number of outputs to check is "
            "printed on standard error. With P 'auto', the limit is the threshold that `evaluate "
            "--save-confidence` stored with the model. With --json, each hypothesis has the keys "
            "'confidence' and 'check' (true or false).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    replace_unknown: ReplaceUnknown = False,
    server: Server = None,
    deadline: Deadline = 30.0,
) -> None:
    """Translate lines of text, and print each translation as soon as it is ready.

    Use it for a file, or at the end of a pipe. MODEL may be a trained model, one of its exports or,
    with --server, its name on a TensorFlow Serving server.

    At a line that cannot be used, such as one that is too long, the command prints the translations
    of the lines before it and stops with exit code 2. With --on-error skip or empty it continues,
    reports each such line and their count on standard error, and exits with code 0.

    Example: keras-attention translate saved_models/dates in.txt --output out.txt --on-error empty

    Example: echo "march 27, 2016" | keras-attention translate saved_models/dates --scores

    Example: keras-attention translate saved_models/dates in.txt --min-confidence 0.9

    Example: keras-attention translate saved_models/dates in.txt --pattern '[0-9]{4}-[0-9-]{5}'
    """
    from keras_attention.cli.command_parts.minimum_confidence import find_minimum
    from keras_attention.cli.command_parts.translated_lines import run_translate
    from keras_attention.cli.command_parts.translation_columns import Columns, link_finder
    from keras_attention.cli.lines import checked_text
    from keras_attention.cli.output_limit import read_limit

    if prefix:
        search = {**search, "prefix": checked_text(prefix, "--prefix")}
    search = {**search, **read_limit(allowed, pattern)}
    minimum = find_minimum(min_confidence, model, others=bool(others), served=server is not None)
    carried = read_features(features)
    links = link_finder(model, alignments=alignments, threshold=threshold, words=words)
    if server is not None:
        if carried:
            raise InputError(
                "--feature requires the model's folder or an export; for a server, write the "
                "features before each line, as in '<language=kor> text'. "
                f"Received: --feature with --server {server}."
            )
        from keras_attention.cli.command_parts.server_translator import SERVED_AT_ONCE, open_server

        local = {
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
            refused=[name for name, value in local.items() if value],
        )
        size = batch_size * SERVED_AT_ONCE
    else:
        from keras_attention.cli.runtimes import lines_at_once, open_translator

        translator = open_translator(
            model,
            search,
            others=others or (),
            nbest=nbest,
            batch_size=batch_size,
            replace_unknown=replace_unknown,
            whole_vocabulary=whole_vocabulary,
            max_tokens=max_tokens,
            features=carried,
        )
        size = lines_at_once(model, batch_size, sample=search.get("sample", False))
    columns = Columns(nbest, scores=scores, links=links, as_json=as_json, minimum=minimum)
    run_translate(translator, file, size, columns, on_error=on_error, output=output)
