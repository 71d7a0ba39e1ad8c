"""The folder of an ensemble: it contains the members' folders and a file that lists them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import JsonFile, dictionary_of, format_json, integer, nullable
from keras_attention.translation.file_names import MODEL_FILE

ENSEMBLE_FILE = "ensemble.json"

_FORMAT = 1
_ENSEMBLE = JsonFile(
    "the members that `train --seeds` or `Translator.save` writes",
    {"members": dictionary_of(nullable(integer(0)))},
    _FORMAT,
)


def is_ensemble(folder: Path) -> bool:
    """Return whether a folder is the folder of an ensemble."""
    return (folder / ENSEMBLE_FILE).exists()


def read_members(folder: Path) -> dict[str, int | None]:
    """Return the seed of each member of an ensemble, by the name of its folder in `folder`.

    The seed is None for a member that was not trained as one of several seeds.

    Raises:
        InputError: if the file is missing or damaged.
    """
    path = folder / ENSEMBLE_FILE
    members: dict[str, int | None] = _ENSEMBLE.parse(read_artefact(path), str(path))["members"]
    wrong = [name for name in members if name == ".." or name != Path(name).name]
    if wrong or not members:
        received = repr(wrong[0]) if wrong else "none"
        raise InputError(
            f"{path}: damaged, expected `members` with names of folders next to this file. "
            f"Received: {received}."
        )
    return members


def member_folders(folder: Path) -> list[Path]:
    """Return the folders of an ensemble's members, or `folder` itself if it has a single model.

    Raises:
        InputError: if the file that lists the members is damaged, or a member's folder is missing.
    """
    if not is_ensemble(folder):
        return [folder]
    paths = [folder / name for name in read_members(folder)]
    for path in paths:
        if not path.is_dir():
            raise InputError(
                f"{path}: no such folder; expected a member of the ensemble {folder}. If training "
                "was interrupted, continue it with `train --resume`; otherwise restore the folder."
            )
    return paths


def model_files(path: Path) -> list[Path]:
    """Return the files of a model's networks: one for each member of an ensemble.

    The files may be missing.

    Raises:
        InputError: if the file that lists the members is damaged, or a member's folder is missing.
    """
    if path.suffix == ".keras" and not path.is_dir():
        return [path]
    return [folder / MODEL_FILE for folder in member_folders(path)]


def write_members(folder: Path, members: Mapping[str, int | None]) -> None:
    """Write the file that lists the members of an ensemble, completely or not at all.

    Args:
        folder: the ensemble's folder, which must exist.
        members: the seed of each member or None, by the name of its folder.
    """
    content = format_json({"format": _FORMAT, "members": dict(members)})
    write_file(folder / ENSEMBLE_FILE, content)
