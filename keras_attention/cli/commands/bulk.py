"""The command `bulk`: translates many files with Apache Beam."""

from enum import Enum
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    Allowed,
    AnyModel,
    BatchSize,
    Features,
    Glossary,
    MaxTokens,
    OtherModels,
    OutputPattern,
    Prefix,
    ReplaceUnknown,
    WholeVocabulary,
    read_features,
)
from keras_attention.cli.search_options import NONE_GIVEN, SearchChoices, with_search_options
from keras_attention.decoding.options import StoredOptions

_OUTPUT = "Output"
_MOST_SHARDS = 99_999


class Format(str, Enum):
    """The formats of the output."""

    TSV = "tsv"
    JSONL = "jsonl"


@with_search_options(StoredOptions)
def bulk(
    model: AnyModel,
    runner_options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- RUNNER OPTIONS]",
            help="Options of Apache Beam, after two dashes: --runner NAME, and the runner's own "
            "options. Default: the DirectRunner with one worker in this process.",
        ),
    ] = None,
    pattern_of_input: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="PATTERN",
            help="File with one text per line, or a quoted pattern such as 'big-*.txt'. It may be "
            "a URL that Beam can read.",
        ),
    ] = ...,  # type: ignore[assignment]  # required
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PREFIX",
            help="Beginning of the paths of the output files: PREFIX-00000-of-00008.tsv and so on, "
            "and PREFIX-dead-letters.tsv.",
            rich_help_panel=_OUTPUT,
        ),
    ] = ...,  # type: ignore[assignment]  # required
    shards: Annotated[
        int,
        typer.Option(
            min=1,
            max=_MOST_SHARDS,
            metavar="N",
            help="Number of files with translations. A worker collects a whole file in memory "
            "before it writes the file.",
            rich_help_panel=_OUTPUT,
        ),
    ] = 1,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="Format of the output lines: tsv has the columns file, line, score, confidence "
            "and text; jsonl has a JSON object with these keys in each line.",
            rich_help_panel=_OUTPUT,
        ),
    ] = Format.TSV,
    compress: Annotated[
        bool,
        typer.Option(
            "--gzip",
            help="Compress the output files. Their names then end in .gz.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Before the start, delete an earlier output with the same PREFIX.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
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
    replace_unknown: ReplaceUnknown = False,
) -> None:
    """Translate many files with Apache Beam, on this machine or on a cluster.

    Use it for more lines than one machine should translate, or if your files are in a store that
    Beam can read. It requires the extra [bulk]. For a single file on one machine, `translate
    --workers` is simpler.

    Each output line begins with the file and the number of its input line. If you join the shards
    in the order of their names, the lines are in the order of the input. Lines that cannot be
    translated are in the dead-letter file, with the reason. The output appears when it is complete.
    It does not depend on the runner or on the number of workers, except for rounding of the scores.
    At the end, the command prints counters.

    Example: keras-attention bulk saved_models/pairs/1 --input 'big-*.txt' --output out --shards 8

    Example: keras-attention bulk pairs.tflite --input 'big-*.txt' -o out --shards 8 --
    --direct_num_workers 4

    Example: keras-attention bulk /models/pairs/1 --input 'gs://texts/big-*.txt' -o gs://texts/out
    --shards 100 -- --runner DataflowRunner --project NAME --region europe-west1 --temp_location
    gs://texts/temporary --sdk_container_image IMAGE
    """
    from keras_attention.cli.lines import checked_text, note_table
    from keras_attention.cli.output_limit import read_limit
    from keras_attention.cli.translate_parts.job import TranslationJob
    from keras_attention.export.bulk.beam_package import import_beam

    import_beam()
    from keras_attention.cli.bulk_parts.bulk_run import run_bulk
    from keras_attention.cli.bulk_parts.job_model import JobModel, forget_models
    from keras_attention.cli.bulk_parts.runner_options import read_runner_options
    from keras_attention.cli.command_parts.minimum_confidence import stored_confidence
    from keras_attention.cli.command_parts.stored_limit import note_limits
    from keras_attention.export.bulk.chunks import open_inputs
    from keras_attention.export.bulk.output_files import OutputFiles
    from keras_attention.export.bulk.records import RecordFormat

    if prefix:
        search = {**search, "prefix": checked_text(prefix, "--prefix")}
    job = TranslationJob(
        model,
        tuple(others or ()),
        {**search, **read_limit(allowed, pattern, terms)},
        batch_size=batch_size,
        whole_vocabulary=whole_vocabulary,
        features=read_features(features),
        max_tokens=max_tokens,
        replace_unknown=replace_unknown,
    )
    options = read_runner_options(runner_options or ())
    inputs = open_inputs(pattern_of_input)
    note_table(inputs[0].path, "To translate one column or field, use translate --format {}.")
    outputs = OutputFiles(output, shards, f".{form.value}{'.gz' * compress}")
    loader = JobModel(job)
    try:
        loader()  # checks the model and the options
        note_limits([model], job.search)
        record = RecordFormat(form is Format.JSONL, stored_confidence(model, others=bool(others)))
        run_bulk(loader, inputs, outputs, record, options, overwrite=overwrite)
    finally:
        forget_models()
