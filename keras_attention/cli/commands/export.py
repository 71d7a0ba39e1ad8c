"""`export`: the SavedModel, the TFLite file and, if wanted, ONNX and files for a server."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from keras_attention.cli.arguments import ModelFolder
from keras_attention.settings.setting import LARGEST

REPORT_WIDTH = 100


def export(
    model: ModelFolder,
    version: Annotated[
        int,
        typer.Option(min=1, max=LARGEST, metavar="N", help="TensorFlow Serving's version folder."),
    ] = 1,
    tflite: Annotated[
        str,
        typer.Option(
            metavar="PRECISION",
            help="float32, float16, mixed or int8: what the TFLite file's weights are stored in; "
            "or best, the smallest that loses at most 0.3 points on pairs held out; "
            "or all, the same and the others beside it.",
        ),
    ] = "float32",
    lines: Annotated[
        int,
        typer.Option(
            min=1, max=LARGEST, metavar="N", help="Pairs that precisions are measured on."
        ),
    ] = 500,
    compute: Annotated[
        str,
        typer.Option(
            metavar="POLICY",
            help="float32, or mixed_float16 or mixed_bfloat16 for accelerators: what the "
            "SavedModel computes in.",
        ),
    ] = "float32",
    max_batch: Annotated[
        int,
        typer.Option(
            min=1, max=LARGEST, metavar="N", help="Texts that the SavedModel takes at once."
        ),
    ] = 64,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST,
            metavar="N",
            help="Tokens of a text that the SavedModel takes.  [default: 1024, or "
            "data.max_source_length if that is more]",
        ),
    ] = None,
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Write the encoder and a step as ONNX into MODEL/onnx."),
    ] = False,
    serving: Annotated[
        bool,
        typer.Option("--serving", help="Write what starts TensorFlow Serving into MODEL/serving."),
    ] = False,
) -> None:
    """Write a trained model as SavedModel for servers and as TFLite file for devices.

    Use it when a model is good enough to ship; both go into the model's folder. A precision other
    than float32 is compared with the Keras model on held-out pairs: the table is printed and saved,
    and a precision that loses more than 0.3 points of the metric is refused. At the end the command
    lists the operators that a runtime must have for the SavedModel.

    Example: keras-attention export saved_models/dates --tflite best
    """
    from keras_attention.cli.command_parts.tflite_precisions import check_choice, export_measured
    from keras_attention.cli.exports import export_all
    from keras_attention.export.graphs.portable import check_compute
    from keras_attention.export.onnx import export_onnx, import_converter
    from keras_attention.export.saved_model.limits import Limits
    from keras_attention.export.saved_model.serving_files import checked_name, write_serving_files
    from keras_attention.translation.translator import Translator

    check_choice(tflite)
    check_compute(compute)
    if onnx:
        import_converter()
    if serving:
        checked_name(model)
    translator = Translator.load(model)
    limits = Limits(max_batch, max_tokens or translator.max_tokens)
    measured = () if tflite == "float32" else export_measured(translator, model, tflite, lines)
    paths = export_all(
        translator, model, measured=measured, version=version, limits=limits, compute=compute
    )
    if onnx:
        paths.append(export_onnx(translator, model / "onnx"))
    if serving:
        paths += write_serving_files(model, batch=min(64, max_batch))
    for path in paths:
        print(f"Wrote {path}")
    _print_operators(paths[0])


def _print_operators(version: Path) -> None:
    """Print the operators that a runtime must have to load a SavedModel, by library."""
    from keras_attention.export.saved_model.manifest import check_manifest

    print(f"{version} needs these operators:")
    operators: Mapping[str, list[str]] = check_manifest(version)["operators"]
    for library, names in operators.items():
        listed = f"{library}, {len(names)}: {', '.join(names)}"
        print(fill(listed, REPORT_WIDTH, initial_indent="  ", subsequent_indent="    "))
