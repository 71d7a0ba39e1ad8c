"""Names of the files in a model's folder, and errors about paths that are not a model's.

This module does not load Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from keras_attention.errors import InputError

MODEL_FILE = "model.keras"
SETTINGS_FILE = "translator.json"
SHORT_LIST_FILE = "short_list.npz"
CONFIDENCE_FILE = "confidence.json"

_USUAL = Path("saved_models")
"""The folder that commands write models into by default."""

_LISTED = 10
"""Largest number of models that an error lists."""


def check_model_path(path: Path) -> None:
    """Check that there is a file or folder, and that it is not a folder of several models.

    Raises:
        InputError: if there is none, with the nearest name of a model next to it; or if the folder
            only contains models or belongs to one.
    """
    if not path.exists():
        kind = "no such file" if path.suffix in (".keras", ".tflite") else "no such folder"
        raise InputError(f"{path}: {kind}; expected a trained model{_nearest(path)}.")
    if not path.is_dir() or (path / SETTINGS_FILE).exists() or (path / "saved_model.pb").exists():
        return
    if models := sorted(_models(path)):
        more = f" and {len(models) - _LISTED} more" if len(models) > _LISTED else ""
        listed = ", ".join(map(str, models[:_LISTED])) + more
        raise InputError(
            f"{path}: expected the folder of a trained model. Received: a folder that contains "
            f"models; use one of {listed}."
        )
    for folder in path.absolute().parents[:2]:
        if (folder / SETTINGS_FILE).is_file():
            raise InputError(
                f"{path}: expected the folder of a trained model. Received: a folder in that of "
                f"the model {folder.name}."
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
    return (file.parent for file in folder.glob(f"*/{SETTINGS_FILE}"))
