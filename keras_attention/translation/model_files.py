"""The files in a model's folder: the network, its tokenizers, its short list and its confidence."""

import json
import logging
import shlex
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.short_list import ShortList
from keras_attention.errors import InputError
from keras_attention.files.artefacts import (
    LARGEST_SHORT_LIST,
    LARGEST_TEXT,
    check_archive,
    open_artefact,
    read_artefact,
)
from keras_attention.files.atomic_writes import write_atomically, write_file
from keras_attention.files.schema import parse_json
from keras_attention.kinds import describe_other
from keras_attention.models.ensemble import Ensemble, members_of
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.codec_files import changed_file, take_fingerprint
from keras_attention.translation.file_names import (
    CONFIDENCE_FILE,
    MODEL_FILE,
    SHORT_LIST_FILE,
)
from keras_attention.translation.folders.ensemble_folder import member_folders
from keras_attention.translation.folders.model_paths import check_model_path
from keras_attention.translation.folders.model_paths import find_parts as find_parts
from keras_attention.translation.stored_weights import check_weights

_WEIGHTS = "model.weights.h5"
"""The file in a `.keras` archive that holds the weights."""

_logger = logging.getLogger(__name__)


def load_codec(folder: Path) -> TextCodec:
    """Load the tokenizers and search settings from a model's folder.

    For an ensemble, these are in the folder of its first member.
    """
    check_model_path(folder)
    folder = member_folders(folder)[0]
    if not folder.is_dir():
        advice = " Load it with keras_attention.export.DeviceTranslator.load."
        raise InputError(
            f"{folder}: expected the folder of a trained model. Received: a file."
            + advice * (folder.suffix == ".tflite")
        )
    return TextCodec.from_folder(folder)


def load_short_list(folder: Path, codec: TextCodec) -> ShortList | None:
    """Load the short list from a model's folder; return None if there is none."""
    path = folder / SHORT_LIST_FILE
    if not path.exists():
        return None
    sizes = len(codec.source.vocabulary), len(codec.target.vocabulary)
    file_bytes = read_artefact(path, largest=LARGEST_SHORT_LIST)
    return ShortList.from_bytes(file_bytes, str(path), sizes)


def save_short_list(short_list: ShortList | None, folder: Path) -> None:
    """Write a short list into a model's folder; remove an existing file if there is none."""
    path = folder / SHORT_LIST_FILE
    if short_list is None:
        path.unlink(missing_ok=True)
        return
    write_file(path, short_list.to_bytes())


def load_confidence(folder: Path, file: Path) -> Confidence:
    """Load temperature and threshold from a model's folder, if they belong to the model.

    They are ignored, with a warning, if the model was trained further after they were measured. A
    checkpoint in the folder does not use them, because it has different weights.

    Raises:
        InputError: if a file is damaged.
    """
    path = folder / CONFIDENCE_FILE
    if not path.exists():
        return Confidence()
    confidence = Confidence.from_bytes(read_artefact(path), str(path), identify_weights(file))
    if confidence is None and file.name == MODEL_FILE:
        _logger.warning(
            "note: %s: ignored, because it was measured with weights that differ from those in %s; "
            "run `keras-attention evaluate %s --save-confidence` again.",
            *(path, file.name, shlex.quote(str(folder))),
        )
    return confidence or Confidence()


def save_confidence(confidence: Confidence, folder: Path) -> None:
    """Write temperature and threshold into a model's folder; remove the file if none are known.

    Args:
        confidence: the values; `Confidence()` removes an existing file.
        folder: the model's folder, which already contains the model.

    Raises:
        InputError: if the folder has no model, or the file cannot be written.
    """
    path = folder / CONFIDENCE_FILE
    if confidence == Confidence():
        path.unlink(missing_ok=True)
        return
    write_file(path, confidence.to_bytes(identify_weights(folder / MODEL_FILE)))


def identify_weights(path: Path) -> str:
    """Return the checksum and the size of the weights in a model's file, without reading them.

    Raises:
        InputError: if the file is missing, or is not an archive of a Keras model.
    """
    with _open_archive(path) as archive:
        weights = archive.getinfo(_WEIGHTS)
    return f"crc32 {weights.CRC:08x}, {weights.file_size} bytes"


def save_model(
    model: keras.Model,
    path: Path,
    *,
    include_optimizer: bool = False,
    codec: TextCodec | None = None,
) -> None:
    """Write a model atomically.

    Args:
        model: the model.
        path: the file.
        include_optimizer: whether to write the optimizer too, so that a run can be resumed.
        codec: the model's codec. Its fingerprint is stored in the archive's comment, for
            `check_tokenizers`.
    """
    with write_atomically(path) as temporary_path:
        (model if include_optimizer else copy_for_inference(model)).save(temporary_path)
        if codec is not None:
            with zipfile.ZipFile(temporary_path, "a") as archive:
                archive.comment = json.dumps(take_fingerprint(codec.to_files())).encode()


def check_tokenizers(path: Path, folder: Path, codec: TextCodec) -> None:
    """Check that a model was saved with the tokenizers and search settings in a folder.

    Models saved by older versions have no fingerprint and are not checked.

    Raises:
        InputError: if a file has changed, or the end of the model's file is missing.
    """
    with _open_archive(path) as archive:
        comment = archive.comment
    if not comment:
        return
    expected = parse_json(comment, str(path), "the fingerprints of its tokenizers at its end")
    if name := changed_file(codec.to_files(), expected):
        raise InputError(
            f"{folder / name}: expected the file that {path.name} was saved with. Received: a "
            "changed file, which would change the model's outputs; restore the original file."
        )


def copy_for_inference(model: keras.Model, *, dtype: str | None = None) -> keras.Model:
    """Copy a model without its optimizer, which would make the saved file three times as large.

    The copy has no preprocessor either; its tokenizers are in files of their own.

    Args:
        model: the model.
        dtype: the policy of all layers of the copy. Default: the policies of the model, but float32
            for a model trained in mixed precision.
    """
    config = model.get_config()
    config.pop("preprocessor", None)
    if dtype or is_narrow(model):
        for part in _parts(config):
            if "dtype" in part:
                part["dtype"] = dtype or "float32"
    copy = type(model).from_config(config)
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def _parts(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the config of a model, and the configs of all layers in it, such as the `content`."""
    yield config
    for value in config.values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, dict) and isinstance(part.get("config"), dict):
                yield from _parts(part["config"])


def build_model(model: Seq2Seq | Ensemble) -> None:
    """Create the weights of a model that has none, and warn that they are random."""
    for member in members_of(model):
        if not member.built:
            _logger.warning(
                "the model %s was never built, so it gets random weights; train it with `fit` or "
                "load its weights.",
                member.name,
            )
            member.build()


def is_narrow(model: keras.Model) -> bool:
    """Return whether a model, or a layer in it, computes in 16 bits."""
    return any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())


def load_model(path: Path, *, include_optimizer: bool = False) -> Seq2Seq:
    """Load a `Seq2Seq` that `save_model` wrote.

    Raises:
        InputError: if the file is missing or damaged, or if it contains another kind of model or
            weights that are not finite.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a trained model.")
    with _open_archive(path) as archive:
        _check_archive(archive, path, include_optimizer)
    with _errors_of_reading(path):
        model = keras.models.load_model(path, compile=include_optimizer)
    if not isinstance(model, Seq2Seq):
        raise InputError(f"{path}: expected a Seq2Seq model. {describe_other(model)}")
    if include_optimizer and not model.compiled:
        raise InputError(
            f"{path}: expected a training checkpoint. Received: a model without an optimizer."
        )
    if not has_finite_weights(model):
        raise InputError(
            f"{path}: expected finite weights. Received: NaN or infinite weights, because the "
            "training diverged; train again with a lower training.learning_rate."
        )
    return model


def _check_archive(archive: zipfile.ZipFile, path: Path, with_optimizer: bool) -> None:
    """Check sizes and weights before Keras loads the file, because Keras does not check them."""
    check_archive(archive, str(path), largest=None)
    for item in archive.infolist():
        if item.filename.endswith(".json") and item.file_size > LARGEST_TEXT:
            raise InputError(
                f"{path}: damaged, expected at most {LARGEST_TEXT} bytes in {item.filename}. "
                f"Received: {item.file_size}."
            )
    check_weights(archive, str(path), with_optimizer=with_optimizer)


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with (
        _errors_of_reading(path),
        open_artefact(path) as file,
        zipfile.ZipFile(file) as archive,
    ):
        yield archive


@contextmanager
def _errors_of_reading(path: Path) -> Iterator[None]:
    """Convert the various errors of zipfile, h5py and Keras about a damaged file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: cannot be read as a Keras model: {reason}") from error


def check_finite_weights(model: keras.Model) -> None:
    """Check that every weight is a finite number."""
    if not has_finite_weights(model):
        raise InputError(
            "expected a model with finite weights. Received: NaN or infinite weights, because the "
            "training diverged; train again with a lower learning rate."
        )


def has_finite_weights(model: keras.Model) -> bool:
    """Return whether every weight is a finite number."""
    floats = [w for w in model.weights if "float" in keras.backend.standardize_dtype(w.dtype)]
    return all(bool(keras.ops.all(keras.ops.isfinite(weight))) for weight in floats)
