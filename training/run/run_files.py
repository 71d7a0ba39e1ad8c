"""The files that belong to a run folder, and their removal without touching any other file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.schema import parse_json
from keras_attention.translation.file_names import (
    CONFIDENCE_FILE,
    LIMIT_FILE,
    MODEL_FILE,
    SHORT_LIST_FILE,
)
from keras_attention.translation.folders.ensemble_folder import ENSEMBLE_FILE, read_members

RECIPE_FILE = "recipe.toml"
VERSIONS_FILE = "versions.json"
"""The file that every run writes when it starts; a folder without it is not a run folder."""

DATA_FILE = "data.json"
HELD_OUT_FILE = "held_out.jsonl"
"""The files that `run_data` reads."""

SEEDS_FILE = "seeds.json"
"""The metric of each member of an ensemble and of the ensemble, in the ensemble's folder."""
ORIGIN_FILE = "origin.json"
REPLAY_FILE = "replay.jsonl"
"""The files that `origin` reads."""
DISTILLATION_FILE = "distillation.json"
DISTILLED_FILE = "distilled.tsv"
DISTILLED_HELD_OUT_FILE = "distilled_held_out.tsv"
DISTILLED_PARTS = "teacher_outputs"
"""What `distill` writes: its record, the student's training and held-out pairs, and the folder of
the parts of an unfinished `distilled.tsv`."""

TRAIN_LOCK = "train.lock"
"""The lock file, which names the process that is training in the folder."""

PACKAGE = "keras-attention"
"""The library's key in VERSIONS_FILE. It stays the same even if the distribution is renamed."""

_VERSION = "VERSION"
"""Placeholder for the number of a SavedModel's version folder."""

_TOKENIZERS = ("translator.json", "*.vocabulary.txt", "*.subwords.model")
_SAVED_MODEL = (
    *("saved_model.pb", "fingerprint.pb", "variables/*", "assets/*", "assets.extra/*"),
    *(f"assets.extra/tokenizers/{name}" for name in _TOKENIZERS),
)
_RUN_FILES = (
    *("metrics.csv", "times.csv", MODEL_FILE, SHORT_LIST_FILE, *_TOKENIZERS),
    *(CONFIDENCE_FILE, LIMIT_FILE),
    *(DATA_FILE, HELD_OUT_FILE, ORIGIN_FILE, REPLAY_FILE),
    *(TRAIN_LOCK, f"{TRAIN_LOCK}.*"),
    *(DISTILLATION_FILE, DISTILLED_FILE, DISTILLED_HELD_OUT_FILE, f"{DISTILLED_PARTS}/*.tsv"),
    *("checkpoints/epoch-*.keras", "logs/*/events.out.tfevents.*"),
    *("accuracy.png", "alignment.png"),  # written by quickstart
    *(f"{_VERSION}/{name}" for name in _SAVED_MODEL),
    *(f"onnx/{name}" for name in ("search.onnx", "encode.onnx", "step.onnx", *_TOKENIZERS)),
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
    """Check that removing a run would remove nothing else."""
    if not is_run(folder):
        raise InputError(
            f"{folder}: --overwrite only removes runs that keras-attention started. Received: a "
            f"folder without {VERSIONS_FILE}; choose another folder."
        )
    _check_place(folder)
    _check_files(folder, {RECIPE_FILE, VERSIONS_FILE})


def check_ensemble_removable(folder: Path) -> None:
    """Check that removing an ensemble would remove nothing else."""
    _check_place(folder)
    members = [folder / name for name in read_members(folder)]
    for member in members:
        if not member.is_symlink() and any(_files(member)):
            check_removable(member)
    _check_files(folder, {RECIPE_FILE, ENSEMBLE_FILE, SEEDS_FILE}, members)


def _check_place(folder: Path) -> None:
    real, here = folder.resolve(), Path.cwd().resolve()
    if real == here or real in here.parents:
        raise InputError(
            f"{folder}: --overwrite cannot remove the working folder or a folder that contains it; "
            "choose another folder."
        )


def _check_files(folder: Path, always: Collection[str], skipped: Collection[Path] = ()) -> None:
    """Check that a folder has only files that this library writes there.

    Args:
        folder: The folder.
        always: Names of files that it may have in addition to those of any run folder.
        skipped: Subfolders that are not checked.
    """
    names = [path.name for path in (folder, folder.resolve())]
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if not (name in always or _is_run_file(name, names) or set(skipped) & set(path.parents)):
            raise InputError(
                f"{path}: --overwrite only removes files that keras-attention wrote, and this is "
                "another file; move it elsewhere, or choose another folder for the run."
            )


def remove_run(folder: Path, keep: Collection[Path] = ()) -> None:
    """Remove a run that `check_removable` accepts, but keep the empty folder and its lock.

    The recipe is removed first, and the file that marks the folder as a run folder is removed last.
    If the removal is interrupted, the rest cannot be resumed, but a new run can start there.
    """
    (folder / RECIPE_FILE).unlink(missing_ok=True)
    _remove_all(folder, last=folder / VERSIONS_FILE, keep=keep)


def remove_ensemble(folder: Path) -> None:
    """Remove an ensemble that `check_ensemble_removable` accepts, but keep the folder and its lock.

    The file that marks the folder as an ensemble is removed last, so that an interrupted removal
    can be repeated.
    """
    for name in read_members(folder):
        remove_run(folder / name)
    _remove_all(folder, last=folder / ENSEMBLE_FILE)


def _remove_all(folder: Path, *, last: Path, keep: Collection[Path] = ()) -> None:
    """Remove everything in a folder except its lock and `keep`, with the file `last` at the end."""
    kept = {last, folder / TRAIN_LOCK, *keep}
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
    """Return whether a path matches part by part, so that `*` matches only within one folder."""
    return len(parts) == len(patterns) and all(
        part.isdecimal() if pattern == _VERSION else fnmatchcase(part, pattern)
        for part, pattern in zip(parts, patterns, strict=True)
    )
