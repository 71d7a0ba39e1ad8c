"""The command `translate`: translates lines of a file or of standard input."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import (
    Allowed,
    AnyModel,
    BatchSize,
    Deadline,
    Features,
    Glossary,
    InputFormat,
    InputSettings,
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
from keras_attention.cli.command_parts.given_options import (
    check_effective,
    check_requires,
    is_given,
)
from keras_attention.cli.lines import OnError
from keras_attention.cli.search_options import (
    NONE_GIVEN,
    RANKING,
    SearchChoices,
    with_search_options,
)
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.cli.translate_parts.job import TranslationJob

_OUTPUT = "Output"
_BULK = "Long files"
_MOST_WORKERS = 256
_TABLE = "To translate one column or field, add --format {}."
_INEFFECTIVE = {
    "sample": RANKING,
    "stream": RANKING,
    "as_json": ("scores", "alignments", "threshold", "words"),
}
"""For a parameter, the names of those that have no effect if it is given."""


@with_search_options(SearchOptions)
def translate(
    context: typer.Context,
    model: AnyModel,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="File with one text per line, or - for standard input. A quoted pattern, such "
            "as 'parts/*.txt', reads several files in the order of their names. For tables and "
            "records, see --format.",
        ),
    ] = "-",
    input_format: InputFormat = "lines",
    settings: InputSettings = None,
    others: OtherModels = None,
    search: SearchChoices = NONE_GIVEN,
    whole_vocabulary: WholeVocabulary = False,
    prefix: Prefix = "",
    allowed: Allowed = None,
    pattern: OutputPattern = None,
    terms: Glossary = None,
    batch_size: BatchSize = 64,
    features: Features = None,
    max_tokens: MaxTokens = None,
    on_error: Annotated[
        OnError,
        typer.Option(
            help="What to do with a line that cannot be translated: stop there, skip it, so that "
            "the output has fewer lines than the input, or print an empty line.",
            rich_help_panel=_OUTPUT,
        ),
    ] = OnError.STOP,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to this file. It appears when it is complete; until then, its lines are "
            "in FILE.partial.  [default: standard output]",
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
            help="Print 'check' or 'ok' and a tab before each output: 'check' if its confidence "
            "is below P, from 0 to 1. The number of outputs to check is printed on standard error. "
            "'auto' uses the threshold that `evaluate --save-confidence` stored with the model. "
            "With --json, each hypothesis has the keys 'confidence' and 'check' (true or false).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Print each part of an output as soon as it is known, one line after the other. "
            "The search is greedy. Options that print more than the text cannot be combined with "
            "it.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    replace_unknown: ReplaceUnknown = False,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=_MOST_WORKERS,
            metavar="N",
            help="Number of processes that translate. Each loads its own copy of the model and "
            "uses an equal share of the processor's cores. The output and its order stay the same.",
            rich_help_panel=_BULK,
        ),
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an interrupted command from its file FILE.partial, where FILE is the "
            "file of --output. The model, the options and the lines translated so far must be the "
            "same.",
            rich_help_panel=_BULK,
        ),
    ] = False,
    server: Server = None,
    deadline: Deadline = 30.0,
) -> None:
    """Translate lines of text, and print each translation as soon as it is ready.

    Use it for a file, or at the end of a pipe. MODEL is a trained model or one of its exports. With
    --server, it is the name of a model on a TensorFlow Serving server.

    If a line cannot be translated, for example because it is too long, the command prints the
    translations of the lines before it and stops with exit code 2. With --on-error skip or empty,
    it continues, reports each such line and their number on standard error, and exits with code 0.

    If a line contains tokens that the model does not know, its translation may be wrong. At the
    end, a note on standard error gives the number of these lines. With --server, this requires that
    MODEL is the path of the model's folder.

    If a command with --output is interrupted, it keeps the translations of all complete batches.
    --resume continues after them.

    Example: keras-attention translate saved_models/dates in.txt --output out.txt --on-error empty

    Example: echo "march 27, 2016" | keras-attention translate saved_models/dates --scores

    Example: keras-attention translate saved_models/dates in.txt --min-confidence 0.9

    Example: keras-attention translate saved_models/dates --stream

    Example: keras-attention translate saved_models/dates in.txt -o out.txt --workers 4 --resume

    Example: keras-attention translate saved_models/dates in.txt --pattern '[0-9]{4}-[0-9-]{5}'

    Example: keras-attention translate saved_models/eng-kor in.txt --terms terms.tsv --beam 5

    Example: keras-attention translate saved_models/eng-kor in.jsonl --format jsonl
    --set source_column=en
    """
    from keras_attention.cli.command_parts.stored_limit import note_limits
    from keras_attention.cli.lines import check_exists, check_output, checked_text, note_table
    from keras_attention.cli.output_limit import read_limit
    from keras_attention.cli.translate_parts.job import TranslationJob
    from keras_attention.cli.translate_parts.pool import open_translators
    from keras_attention.cli.translate_parts.translated_lines import answer_here, run_translate

    check_requires(context, deadline="server")
    check_effective(context, _INEFFECTIVE)
    if prefix:
        search = {**search, "prefix": checked_text(prefix, "--prefix")}
    search = {**search, **read_limit(allowed, pattern, terms)}
    check_output(output, allowed, terms)
    check_exists(file)
    reader = None
    if settings or input_format != "lines":
        from keras_attention.cli.translate_parts.input_readers import open_reader

        reader = open_reader(file, input_format, settings or ())
    job = TranslationJob(
        model,
        tuple(others or ()),
        search,
        batch_size=batch_size,
        whole_vocabulary=whole_vocabulary,
        features=read_features(features),
        max_tokens=max_tokens,
        replace_unknown=replace_unknown,
        nbest=nbest,
        scores=scores,
        alignments=alignments,
        threshold=threshold,
        words=words,
        as_json=as_json,
        min_confidence=min_confidence,
        server=server,
        deadline=deadline,
    )
    if stream:
        from keras_attention.cli.translate_parts.streamed_lines import (
            check_combined,
            open_stream,
            run_stream,
        )

        check_combined(
            nbest=nbest > 1,
            scores=scores,
            alignments=alignments,
            threshold=threshold is not None,
            words=words,
            json=as_json,
            min_confidence=min_confidence,
            output=output,
            replace_unknown=replace_unknown,
            terms=terms,
            batch_size=is_given(context, "batch_size"),
            workers=workers > 1,
            resume=resume,
        )
        streamed, source = open_stream(job)
        if server is None:
            note_limits([model], search)
        if not is_given(context, "input_format"):
            note_table(file, _TABLE)
        run_stream(streamed, source, file, on_error, reader)
        return
    _check_bulk(job, workers, output, resume=resume)
    columns = job.columns()
    made_by = {"model": "", "options": {**job.options(), "on_error": on_error.value}}
    if output is not None and server is None:
        made_by["model"] = job.fingerprint()
    with ExitStack() as stack:
        if workers == 1:
            answer_all = answer_here(job.open(), columns)
        else:
            answer_all = stack.enter_context(open_translators(job, workers))
        if server is None:
            note_limits([model], search)
        if not is_given(context, "input_format"):
            note_table(file, _TABLE)
        run_translate(
            answer_all,
            file,
            job.lines_at_once(),
            columns,
            on_error=on_error,
            output=output,
            resume=resume,
            made_by=made_by,
            reader=reader,
        )


def _check_bulk(job: "TranslationJob", workers: int, output: Path | None, *, resume: bool) -> None:
    """Check the options that concern the command as a whole."""
    if job.server is not None and (workers > 1 or resume):
        given = "--resume" if resume else f"--workers {workers}"
        raise InputError(
            "--workers and --resume require the model's folder or an export, because a server "
            "itself translates requests in parallel, and its model may have changed. "
            f"Received: {given} with --server {job.server}."
        )
    if resume and output is None:
        raise InputError("--resume requires --output FILE. Received: --resume alone.")
