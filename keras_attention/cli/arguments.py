"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.settings.setting import LARGEST

ModelFolder = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A trained model's folder.", file_okay=False),
]
KerasModel = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A trained model's folder or a .keras checkpoint.")
]
AnyModel = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A trained model's folder or a .keras checkpoint in it, a SavedModel version "
        "folder, or a .tflite file.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting, such as units=64 or data.path=a.tsv; repeatable.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete an existing run in the output folder first.")
]
DataFormat = Annotated[
    str, typer.Option("--format", help="How pairs are stored: tsv, csv, dates or parallel.")
]
DataSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set how pairs are read from FILE, as in a recipe's [data]: header=true, "
        "source_column=2, target_column=NAME or delimiter=';'; repeatable.",
    ),
]
TargetFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The targets, with --format parallel.")
]
ReplaceUnknown = Annotated[
    bool,
    typer.Option("--replace-unknown", help="Copy the aligned source word where `<unk>` stands."),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Link every source token of at least this weight.  [default: that of the largest]",
        rich_help_panel="Output",
    ),
]
Words = Annotated[
    bool,
    typer.Option(
        "--words",
        help="Count words, which stand between white space, and link those of which any tokens "
        "are linked.",
        rich_help_panel="Output",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Largest number of lines searched together; long lines are searched in smaller "
        "batches. A model sorts up to 16 times as many lines by length.",
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Largest number of tokens of a text; a longer text cannot be used.  [default: 1024, "
        "or data.max_source_length if that is more]",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Ask a TensorFlow Serving server: host:port for gRPC, or http://host:port. MODEL is "
        "then its name there, of a path the last part, and may end in /VERSION.",
        rich_help_panel="Server",
    ),
]
Deadline = Annotated[
    float,
    typer.Option(
        min=0.001,
        metavar="SECONDS",
        help="For each request, with every time that it is tried again.",
        rich_help_panel="Server",
    ),
]

OtherModels = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="MODEL",
        help="Another model, searched together with the first; repeatable.",
        rich_help_panel="Search",
    ),
]
WholeVocabulary = Annotated[
    bool,
    typer.Option(
        "--whole-vocabulary",
        help="Search all target tokens, whatever short list the recipe wanted; ensembles do.",
        rich_help_panel="Search",
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="What every output must begin with.",
        rich_help_panel="Search",
    ),
]
