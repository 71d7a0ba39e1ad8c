"""The parts of a model's path, and errors that name the models that the user may have meant."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.translation.file_names import GRAPH_FILE, MODEL_FILE, SETTINGS_FILE
from keras_attention.translation.folders.ensemble_folder import ENSEMBLE_FILE

_USUAL = Path("saved_models")
"""The folder that commands write models into by default."""

_MARKS = (SETTINGS_FILE, ENSEMBLE_FILE)
"""Files that mark a folder as the folder of a single model, or of an ensemble."""

_LISTED = 10
"""Largest number of models that an error lists."""


def find_parts(path: Path) -> tuple[Path, Path]:
    """Return the folder of the tokenizers and the file of the model, given a path to either."""
    if path.suffix != ".keras" or path.is_dir():
        return path, path / MODEL_FILE
    check_model_path(path)
    for folder in path.absolute().parents[:2]:
        if (folder / SETTINGS_FILE).is_file():
            return folder, path
    raise InputError(
        f"{path}: expected {SETTINGS_FILE} and the tokenizers in its folder or the parent folder. "
        "Received: neither has them."
    )


def is_export(path: Path) -> bool:
    """Return whether a path is a TFLite file or a SavedModel's version folder."""
    return path.suffix == ".tflite" or is_saved_model(path)


def is_saved_model(path: Path) -> bool:
    """Return whether a path is a SavedModel's version folder."""
    return (path / GRAPH_FILE).is_file()


def check_model_path(path: Path) -> None:
    """Check that there is a file or folder, and that it is not a folder of several models."""
    if not path.exists():
        kind = "no such file" if path.suffix in (".keras", ".tflite") else "no such folder"
        raise InputError(f"{path}: {kind}; expected a trained model{_nearest(path)}.")
    if not path.is_dir() or any((path / name).exists() for name in (*_MARKS, GRAPH_FILE)):
        return
    if models := sorted([*_models(path), *path.glob("*.tflite")]):
        more = f" and {len(models) - _LISTED} more" if len(models) > _LISTED else ""
        listed = ", ".join(map(str, models[:_LISTED])) + more
        raise InputError(
            f"{path}: expected the folder of a trained model. Received: a folder that contains "
            f"models; use one of {listed}."
        )
    for folder in path.absolute().parents[:2]:
        if (folder / SETTINGS_FILE).is_file():
            raise InputError(
                f"{path}: expected the folder of a trained model. Received: a folder inside the "
                f"folder of the model {folder.name}."
            )


def _nearest(path: Path) -> str:
    """Return "; the nearest is PATH" if a model next to a path has a similar name, or ""."""
    others = {other.name: other for folder in (_USUAL, path.parent) for other in _found(folder)}
    names = get_close_matches(path.name, others, n=1)
    return f"; the nearest is {others[names[0]]}" if names else ""


def _found(folder: Path) -> Iterator[Path]:
    """Yield the models, checkpoints and TFLite files in a folder."""
    if folder.is_dir():
        yield from _models(folder)
        yield from (each for suffix in ("keras", "tflite") for each in folder.glob(f"*.{suffix}"))


def _models(folder: Path) -> Iterator[Path]:
    return (file.parent for mark in _MARKS for file in folder.glob(f"*/{mark}"))
