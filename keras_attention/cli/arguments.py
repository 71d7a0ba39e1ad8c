"""Arguments and options that several commands share."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_attention.errors import InputError
from keras_attention.settings.setting import LARGEST


def _check_folder(path: Path) -> Path:
    """Return the path of a trained model's folder; raise an InputError if it is a file."""
    if path.is_file():
        raise InputError(f"{path}: expected the folder of a trained model. Received: a file.")
    return path


def read_features(given: list[str] | None) -> dict[str, str]:
    """Return the values of source features by name, from the option --feature."""
    features: dict[str, str] = {}
    for text in given or ():
        name, _, value = text.partition("=")
        if not (name and value) or name in features:
            raise InputError(
                "--feature must have the form NAME=VALUE, such as language=kor, with each name "
                f"once. Received: --feature {text}."
            )
        features[name] = value
    return features


def read_settings(given: Iterable[str], allowed: Collection[str]) -> dict[str, Any]:
    """Return the settings of the section `data` by name, from the option --set.

    Args:
        given: the settings, each as "key=value".
        allowed: the names that the command accepts.
    """
    from keras_attention.training.recipe.recipe import parse_override

    settings = {}
    for text in given:
        key, value = parse_override(text)
        section, _, name = key.partition(".")
        if section != "data" or name not in allowed:
            raise InputError(
                f"--set must set one of {', '.join(allowed)} here. Received: --set {text}."
            )
        settings[name] = value
    return settings


def check_export(path: Path) -> Path:
    """Return the path of a model's folder or TFLite file; raise an InputError for other files."""
    return path if path.suffix == ".tflite" else _check_folder(path)


ModelFolder = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="The folder of a trained model.", callback=_check_folder),
]
ExportedModel = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="The folder of a trained model. With --web also a .tflite file.",
        callback=check_export,
    ),
]
KerasModel = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="The folder of a trained model, or a .keras checkpoint."),
]
AnyModel = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="The folder of a trained model, a .keras checkpoint in it, a SavedModel version "
        "folder, or a .tflite file.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting of the recipe, such as units=64 or data.path=a.tsv; repeatable.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete an existing run in the output folder first.")
]
DataFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Format of the file of pairs: tsv, csv, jsonl, parquet, dates or parallel (two files, "
        "see --target).",
    ),
]
DataSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting that says how to read the file of pairs, as in the section "
        "[data] of a recipe: header=true, source_column=2, target_column=NAME or delimiter=';'; "
        "repeatable.",
    ),
]
InputFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Format of the input: lines; or tsv, csv, jsonl or parquet, for the sources of a file "
        "of pairs.",
    ),
]
InputSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting that says how to read a file of pairs, as in the section [data] "
        "of a recipe: header=true, source_column=2, source_column=NAME or delimiter=';'; "
        "repeatable.",
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        metavar="NAME=VALUE",
        help="Value of a source feature for all texts, such as language=kor, if the model was "
        "trained with data.source_features; repeatable. A text with its own tag, as in "
        "'<language=fre> chat', keeps its value.",
    ),
]
TargetFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The file of the targets, one per line; requires --format parallel."
    ),
]
ReplaceUnknown = Annotated[
    bool,
    typer.Option(
        "--replace-unknown",
        help="Replace each `<unk>` in the output by the source word that it is aligned to. A "
        "model can also turn this on, with its setting decoding.replace_unknown.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Smallest weight of a link, above 0 and at most 1. Each target token is linked to "
        "all source tokens with at least this weight.  [default: link only the source token with "
        "the largest weight]",
        rich_help_panel="Output",
    ),
]
Words = Annotated[
    bool,
    typer.Option(
        "--words",
        help="Print links between words instead of tokens. Words are separated by white space. "
        "Two words are linked if any of their tokens are linked.",
        rich_help_panel="Output",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Largest number of lines in a batch. Batches of long lines are smaller. A larger "
        "number is faster but needs more memory; the output stays the same.",
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Largest number of tokens of a text; a longer text is an error.  [default: 1024, or "
        "data.max_source_length if that is larger]",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Translate on a TensorFlow Serving server: host:port for gRPC, or http://host:port. "
        "MODEL is then the name of the model on the server, or a path that ends in this name. To "
        "choose a version, add /VERSION.",
        rich_help_panel="Server",
    ),
]
Deadline = Annotated[
    float,
    typer.Option(
        min=0.001,
        metavar="SECONDS",
        help="Time limit for each request, retries included; requires --server.",
        rich_help_panel="Server",
    ),
]

PageExamples = Annotated[
    list[str] | None,
    typer.Option(
        "--example",
        metavar="TEXT",
        help="Example source on the web page; repeatable. The page opens with the first one.",
        rich_help_panel="Web page",
    ),
]
RuntimeFolder = Annotated[
    Path | None,
    typer.Option(
        "--runtime",
        metavar="DIR",
        help="Folder in which you ran `npm install @litertjs/core`. The web page gets a copy of "
        "this runtime.  [default: the current folder]",
        rich_help_panel="Web page",
    ),
]
FetchRuntime = Annotated[
    bool,
    typer.Option(
        "--fetch-runtime",
        help="Download the runtime of the web page with npm, instead of copying it from a folder.",
        rich_help_panel="Web page",
    ),
]
OtherModels = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="MODEL",
        help="Another model, which searches together with the first one as an ensemble; "
        "repeatable.",
        rich_help_panel="Search",
    ),
]
WholeVocabulary = Annotated[
    bool,
    typer.Option(
        "--whole-vocabulary",
        help="Score all target tokens, even if the model has a short list. An ensemble always "
        "scores all tokens.",
        rich_help_panel="Search",
    ),
]
Allowed = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Text file with the allowed outputs, one per line. Search then returns only these "
        "outputs. Empty lines are ignored.",
        rich_help_panel="Search",
    ),
]
OutputPattern = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="Regular expression that each whole output must match, such as '[0-9]{4}-[0-9]{2}', "
        "in the syntax of Python.",
        rich_help_panel="Search",
    ),
]
Glossary = Annotated[
    Path | None,
    typer.Option(
        "--terms",
        metavar="FILE",
        help="Glossary with a source term, a tab and a target term per line. If a text contains "
        "the source term, its output contains the target term. A line can have several forms of "
        "the target term, separated by tabs; the output then contains one of them. A term that "
        "ends with * also matches longer words. Requires --beam 2 or more.",
        rich_help_panel="Search",
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="Text that every output must begin with.",
        rich_help_panel="Search",
    ),
]
