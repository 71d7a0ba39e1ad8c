"""The files that belong to a run folder, and their removal without touching any other file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.schema import parse_json
from keras_attention.translation.model_paths import CONFIDENCE_FILE, MODEL_FILE, SHORT_LIST_FILE

RECIPE_FILE = "recipe.toml"
VERSIONS_FILE = "versions.json"
"""Written when a run starts; a folder without this file is not a run folder."""

DATA_FILE = "data.json"
HELD_OUT_FILE = "held_out.jsonl"
"""The files that `run_data` reads."""

TRAIN_LOCK = "train.lock"
"""The lock file, which names the process that is training in the folder."""

PACKAGE = "keras-attention"
"""The library's key in VERSIONS_FILE. It stays the same even if the distribution is renamed."""

_VERSION = "VERSION"
"""Placeholder for the number of a SavedModel's version folder."""

_TOKENIZERS = ("translator.json", "*.vocabulary.txt", "*.subwords.model")
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables/*", "assets/*", "assets.extra/*")
_RUN_FILES = (
    *("metrics.csv", "times.csv", MODEL_FILE, SHORT_LIST_FILE, *_TOKENIZERS),
    CONFIDENCE_FILE,
    *(DATA_FILE, HELD_OUT_FILE, TRAIN_LOCK, f"{TRAIN_LOCK}.*"),
    *("checkpoints/epoch-*.keras", "logs/*/events.out.tfevents.*"),
    *("accuracy.png", "alignment.png"),  # written by quickstart
    *(f"{_VERSION}/{name}" for name in _SAVED_MODEL),
    *(f"onnx/{name}" for name in ("encode.onnx", "step.onnx", *_TOKENIZERS)),
    *("serving/models.config", "serving/batching_parameters.txt", "serving/docker-compose.yml"),
)


def is_run(folder: Path) -> bool:
    """Return whether this library started a run in the folder."""
    path = folder / VERSIONS_FILE
    try:
        versions = parse_json(read_artefact(path), str(path), "versions")
    except InputError:
        return False
    return isinstance(versions, dict) and PACKAGE in versions


def check_removable(folder: Path) -> None:
    """Check that removing a run would remove nothing else.

    Args:
        folder: The run folder.

    Raises:
        InputError: If no run was started there, the folder is the working folder or contains it,
            or it has a file that does not belong to a run.
    """
    if not is_run(folder):
        raise InputError(
            f"{folder}: --overwrite only removes runs that keras-attention started. Received: a "
            f"folder without {VERSIONS_FILE}; choose another folder."
        )
    real, here = folder.resolve(), Path.cwd().resolve()
    if real == here or real in here.parents:
        raise InputError(
            f"{folder}: --overwrite cannot remove the working folder or a folder that contains it; "
            "choose another folder."
        )
    names = [path.name for path in (folder, real)]
    always = {RECIPE_FILE, VERSIONS_FILE}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in always and not _is_run_file(name, names):
            raise InputError(
                f"{path}: --overwrite only removes files that keras-attention wrote, and this is "
                "another file; move it elsewhere, or choose another folder for the run."
            )


def remove_run(folder: Path) -> None:
    """Remove a run that `check_removable` accepts, but keep the empty folder and its lock.

    The recipe is removed first, and the file that makes the folder a run folder is removed last.
    If the removal is interrupted, the rest cannot be resumed, but a new run can start there.
    """
    first, last = folder / RECIPE_FILE, folder / VERSIONS_FILE
    first.unlink(missing_ok=True)
    kept = {last, folder / TRAIN_LOCK}
    for path in [path for path in _files(folder) if path not in kept]:
        path.unlink(missing_ok=True)
    for root, _, _ in os.walk(folder, topdown=False):
        if Path(root) != folder:
            os.rmdir(root)
    last.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file and every link below the folder, without following links."""
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        yield from (Path(root) / name for name in (*links, *files))


def _is_run_file(name: str, folder_names: list[str]) -> bool:
    """Return whether a path inside the folder is one that this library writes there."""
    exports = (f"{each}{end}" for each in folder_names for end in (".tflite", ".variants.json"))
    precisions = tuple(f"{each}." for each in folder_names)
    return (
        name in exports
        or (name.startswith(precisions) and name.endswith(".tflite") and "/" not in name)
        or any(_matches(name.split("/"), pattern.split("/")) for pattern in _RUN_FILES)
        or any(part.startswith(".") and ".unfinished-" in part for part in name.split("/"))
    )


def _matches(parts: list[str], patterns: list[str]) -> bool:
    """Return whether a path matches part by part, so that `*` matches within one folder only."""
    return len(parts) == len(patterns) and all(
        part.isdecimal() if pattern == _VERSION else fnmatchcase(part, pattern)
        for part, pattern in zip(parts, patterns, strict=True)
    )
