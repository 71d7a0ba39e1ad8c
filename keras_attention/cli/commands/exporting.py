"""The commands that ship a model: export, and verify what was exported."""

from typing import Annotated

import typer

from keras_attention.cli.arguments import ModelFolder
from keras_attention.settings.setting import LARGEST


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
    """Write the SavedModel and the TFLite file into the model's folder.

    Any precision but float32 is measured beside the Keras model, on pairs held out: the table is
    printed and saved, and one that loses more than 0.3 points of the metric is refused. At the end
    stand the operators that a runtime must have for the SavedModel.

    Example: keras-attention export saved_models/dates --tflite best
    """
    from keras_attention.cli.device_export import check_choice
    from keras_attention.cli.exports import export_all, print_operators
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
    paths = export_all(
        translator,
        model,
        tflite=tflite,
        lines=lines,
        version=version,
        limits=Limits(max_batch, max_tokens or translator.max_tokens),
        compute=compute,
    )
    if onnx:
        paths.append(export_onnx(translator, model / "onnx"))
    if serving:
        paths += write_serving_files(model, batch=min(64, max_batch))
    for path in paths:
        print(f"Wrote {path}")
    print(f"{paths[0]} needs these operators:")
    print_operators(paths[0])


def verify(
    model: ModelFolder,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Lines, or -.  [default: sources held out]"),
    ] = None,
    lines: Annotated[
        int, typer.Option(min=1, max=LARGEST, metavar="N", help="Lines compared at most.")
    ] = 500,
) -> None:
    """Check that every export gives the Keras model's answers; exit code 1 where one does not.

    Example: keras-attention verify saved_models/dates
    """
    from itertools import islice

    from keras_attention.cli.lines import open_lines
    from keras_attention.cli.output import print_agreements
    from keras_attention.cli.runtimes import evaluation_pairs
    from keras_attention.export.verify import verify as run
    from keras_attention.translation.translator import Translator

    translator = Translator.load(model)
    if file is None:
        sources = [source for source, _ in evaluation_pairs(model)[0]]
    else:
        sources = list(islice(open_lines(file), lines))
    if not print_agreements(run(translator, model, sources[:lines])):
        raise typer.Exit(1)
