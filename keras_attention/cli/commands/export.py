"""The command `export`: writes a SavedModel, a TFLite file and, optionally, ONNX."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from keras_attention.cli.arguments import (
    Allowed,
    ExportedModel,
    FetchRuntime,
    OutputPattern,
    PageExamples,
    RuntimeFolder,
)
from keras_attention.cli.command_parts.given_options import is_given
from keras_attention.decoding.options import LARGEST_BATCH
from keras_attention.errors import InputError
from keras_attention.settings.setting import LARGEST

REPORT_WIDTH = 100
_PAGE_OPTIONS = ("model", "web", "example", "runtime", "fetch_runtime")


def export(
    context: typer.Context,
    model: ExportedModel,
    version: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST,
            metavar="N",
            help="Version number of the SavedModel. Its folder in MODEL has this name.",
        ),
    ] = 1,
    tflite: Annotated[
        str,
        typer.Option(
            metavar="PRECISION",
            help="How the TFLite file stores its weights: float32, float16, mixed or int8. "
            "'best' chooses the smallest file that loses at most 0.3 points of the metric on the "
            "held-out pairs; 'all' also writes the other files.",
        ),
    ] = "float32",
    tflite_batch: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST_BATCH,
            metavar="N",
            help="Number of texts that the TFLite file translates together. With 16, for "
            "example, `translate`, `evaluate` and DeviceTranslator are several times as fast for "
            "many texts on a CPU.",
        ),
    ] = 1,
    lines: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST,
            metavar="N",
            help="Largest number of held-out pairs on which to compare precisions.",
        ),
    ] = 500,
    compute: Annotated[
        str,
        typer.Option(
            metavar="POLICY",
            help="Keras dtype policy that the SavedModel computes in: float32, or mixed_float16 or "
            "mixed_bfloat16 for accelerators.",
        ),
    ] = "float32",
    max_batch: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST,
            metavar="N",
            help="Largest number of texts in one request to the SavedModel.",
        ),
    ] = 64,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST,
            metavar="N",
            help="Largest number of tokens of a text that the SavedModel accepts.  [default: 1024, "
            "or data.max_source_length if that is larger]",
        ),
    ] = None,
    allowed: Allowed = None,
    pattern: OutputPattern = None,
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx",
            help="Also write ONNX files into MODEL/onnx: one with the whole search, one with the "
            "encoder and one with a single decoder step.",
        ),
    ] = False,
    serving: Annotated[
        bool,
        typer.Option(
            "--serving",
            help="Also write MODEL/serving, with the files that TensorFlow Serving needs to start.",
        ),
    ] = False,
    web: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write a web page into the folder DIR, which runs the TFLite file in the "
            "browser. You can put it on any web server. The model must have character or word "
            "tokenizers.",
            rich_help_panel="Web page",
        ),
    ] = None,
    example: PageExamples = None,
    runtime: RuntimeFolder = None,
    fetch_runtime: FetchRuntime = False,
) -> None:
    """Export a trained model: a SavedModel for servers and a TFLite file for devices.

    Use it when a model is good enough to deploy. It writes the exports into the model's folder. If
    you choose a precision other than float32, it compares the TFLite file with the Keras model on
    held-out pairs. It prints and saves a table, and refuses a precision that loses more than 0.3
    points of the metric. At the end, it lists the operators that a runtime must support to load the
    SavedModel.

    With --allowed or --pattern, the exports return only allowed outputs. The Keras model does not
    change.

    Example: keras-attention export saved_models/dates --tflite best --web page --fetch-runtime

    Example: keras-attention export saved_models/dates --tflite int8 --tflite-batch 16
    """
    from keras_attention.cli.web_pages import PageOptions, check_page_options
    from keras_attention.translation.folders.model_paths import check_model_path

    check_model_path(model)
    if web:
        _check_page(web, tflite_batch)
    page = PageOptions(example or (), runtime, fetch_runtime)
    check_page_options(page, web)
    if model.suffix == ".tflite":
        print(f"Wrote {page.write(model, _only_page(context, model, web), title=model.stem)}")
        return
    from keras_attention.cli.command_parts.tflite_precisions import check_choice, export_measured
    from keras_attention.cli.exports import export_all
    from keras_attention.cli.output_limit import named_lines, read_limit
    from keras_attention.export.graphs.portable import check_compute
    from keras_attention.export.onnx import export_onnx, import_converter
    from keras_attention.export.saved_model.limits import Limits
    from keras_attention.export.saved_model.serving_files import checked_name, write_serving_files
    from keras_attention.translation.translator import Translator

    check_choice(tflite)
    if tflite == "float32" and is_given(context, "lines"):
        raise InputError(
            "--lines requires --tflite with a precision other than float32; float32 is not "
            f"measured. Received: --lines {lines} with --tflite float32."
        )
    check_compute(compute)
    if onnx:
        import_converter()
    if serving:
        checked_name(model)
    limit = read_limit(allowed, pattern)
    translator = Translator.load(model)
    if web:
        page.check_model(translator.codec, str(model))
    if limit:  # otherwise the limit that is stored with the model stays in force
        with named_lines(limit):
            translator.limit_outputs(**limit)
    limits = Limits(max_batch, max_tokens or translator.max_tokens)
    if tflite == "float32":
        measured: list[Path] = []
    else:
        measured = export_measured(translator, model, tflite, lines, tflite_batch)
    paths = export_all(
        translator,
        model,
        measured=measured,
        batch_size=tflite_batch,
        version=version,
        limits=limits,
        compute=compute,
    )
    if onnx:
        paths.append(export_onnx(translator, model / "onnx"))
    if serving:
        paths += write_serving_files(model, batch=min(64, max_batch))
    if web:
        paths.append(page.write(paths[1], web, title=model.resolve().name))
    for path in paths:
        print(f"Wrote {path}")
    _print_operators(paths[0])


def _check_page(web: Path, tflite_batch: int) -> None:
    """Check that a web page can run the TFLite file that will be written."""
    if tflite_batch > 1:
        raise InputError(
            "--web cannot be combined with --tflite-batch, because LiteRT.js refuses files with "
            f"inputs of any length. Received: --web {web} with --tflite-batch {tflite_batch}."
        )


def _only_page(context: typer.Context, model: Path, web: Path | None) -> Path:
    """Return the folder for the web page; a TFLite file can be exported only as a web page."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in _PAGE_OPTIONS and is_given(context, parameter.name or "")
    ]
    if web is None or given:
        raise InputError(
            f"{model}: expected the folder of a trained model; a TFLite file can only be exported "
            f"as a web page, with --web DIR. Received: {given[0] if given else 'no --web'}."
        )
    return web


def _print_operators(version: Path) -> None:
    """Print the operators that a runtime must support to load a SavedModel, by library."""
    from keras_attention.export.saved_model.manifest import check_manifest

    print(f"{version} needs these operators:")
    operators: Mapping[str, list[str]] = check_manifest(version)["operators"]
    for library, names in operators.items():
        listed = f"{library}, {len(names)}: {', '.join(names)}"
        print(fill(listed, REPORT_WIDTH, initial_indent="  ", subsequent_indent="    "))
