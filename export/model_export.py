"""`Seq2Seq.export`: writes an export, with the arguments of `keras.Model.export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.samplers import sampler_options
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, check_names
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.file_names import GRAPH_FILE
from keras_attention.translation.translator import Translator

from .onnx import SEARCH_FILE, export_onnx
from .saved_model.saved_model import write_saved_model
from .tflite.conversion import export_tflite


@dataclass(frozen=True)
class _Format:
    """A format of `export`.

    Attributes:
        write: the function that writes the export, from a translator, a path and options.
        options: the names of the options.
        part: a file that every folder of this format contains; "" if the export is a single file.
    """

    write: Callable[..., Path]
    options: tuple[str, ...] = ()
    part: str = ""


FORMATS: Mapping[str, _Format] = {
    "tf_saved_model": _Format(write_saved_model, ("limits", "compute", "about"), GRAPH_FILE),
    "litert": _Format(export_tflite, ("precision", "batch_size", "about")),
    "onnx": _Format(export_onnx, part=SEARCH_FILE),
}
"""The formats, by their names in Keras."""


def export_model(
    model: Seq2Seq,
    filepath: str | Path,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Any = None,
    **options: Any,
) -> None:
    """Write the inference graph of a model with a preprocessor; see `Seq2Seq.export`.

    Raises:
        InputError: if the model has no preprocessor, `format` is not one of `FORMATS`, an
            `input_signature` is given, the sampler of `compile` draws at random, or the path
            cannot be written.
        TypeError: if an option is unknown.
    """
    if format not in FORMATS:
        raise InputError(
            f"`format` must be one of {', '.join(map(repr, FORMATS))}. Received: {format!r}."
        )
    if input_signature is not None:
        raise InputError(
            "`input_signature` must be None, because the inputs of an export follow from the "
            f"model's preprocessor. Received: {input_signature!r:.60}."
        )
    chosen, path = FORMATS[format], Path(filepath)
    if options and not chosen.options:
        raise TypeError(f"the format {format!r} has no options. Received: {min(options)}.")
    check_names(options, chosen.options)
    _check_folder(path, chosen.part)
    chosen.write(_searching(model), path, **options)
    if verbose:
        print(f"Saved the model as {format} to {path}.")


def _searching(model: Seq2Seq) -> Translator:
    """Return a translator that searches as the model's `generate` does by default."""
    if model.preprocessor is None:
        advice = (
            "export its features with keras_attention.export.features"
            if model.settings.source_shape is not None
            else "pass `preprocessor=TextPreprocessor(...)` to the Seq2Seq"
        )
        raise InputError(
            "a model without a `preprocessor` cannot read texts, and Keras would export only its "
            f"logits for given targets, not a search; {advice}. "
            "Received: preprocessor=None."
        )
    own = model.preprocessor.codec.settings
    chosen = sampler_options(model.generate_sampler, {}, own_width=own.beam_width)
    stored = {field.name for field in fields(SearchSettings)}
    defaults = {known.key: known.default for known in SearchOptions.settings()}
    refused = [name for name in chosen.keys() - stored if chosen[name] != defaults[name]]
    if refused:
        raise InputError(
            "an export searches greedily or with a beam, without the option "
            f"`{min(refused)}`; call `compile` with another sampler. "
            f"Received: sampler={model.generate_sampler!r}."
        )
    kept = {name: value for name, value in chosen.items() if name in stored}
    return Translator.from_model(model, **kept)


def _check_folder(path: Path, part: str) -> None:
    """Check that writing an export does not replace a folder with other files."""
    if part and path.is_dir() and not (path / part).exists() and any(path.iterdir()):
        raise InputError(
            f"{path}: expected a new folder, or one with an export of this format, because its "
            "files are replaced. Received: a folder with other files."
        )
