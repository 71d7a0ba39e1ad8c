"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
DataFormat = Annotated[
    str, typer.Option("--format", help="How pairs are stored: tsv, dates or parallel.")
]
TargetFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The targets, with --format parallel.")
]
ReplaceUnknown = Annotated[
    bool,
    typer.Option("--replace-unknown", help="Copy the aligned source word where `<unk>` stands."),
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Lines searched together.")]
