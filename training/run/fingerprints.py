"""Fingerprints of the files that a run reads, to detect changed files."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.file_states import cached_checksum
from keras_attention.files.schema import Kind
from keras_attention.translation.folders.ensemble_folder import model_files

from ..data.data_paths import EMBEDDING_KEYS, PATH_KEYS, find_files, teacher_paths
from ..data.languages import each_language
from ..recipe.recipe import Recipe

TEACHER_KEY = "training.teachers."
"""The key of a teacher's file begins with this text; the file's number follows."""

FINGERPRINT = Kind(
    "the path, size and sha256 of a file",
    lambda value: (
        isinstance(value, dict)
        and {key: type(item) for key, item in value.items()}
        == {"path": str, "size": int, "sha256": str}
    ),
)


@dataclass(frozen=True)
class Fingerprint:
    """The path, size and digest of a file, to detect whether it has changed.

    Attributes:
        path: path of the file when the fingerprint was taken.
        size: size of the file in bytes.
        sha256: digest of the content, in hexadecimal.
    """

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Fingerprint:
        """Return the fingerprint of a file."""
        sha256 = cached_checksum(path)  # raises an error that names the path
        return cls(os.fspath(path), os.path.getsize(path), sha256)

    def matches(self, path: str) -> bool:
        """Return whether a file has the same content. It is read only if the sizes are equal."""
        return os.path.getsize(path) == self.size and cached_checksum(path) == self.sha256


def take_fingerprints(recipe: Recipe) -> dict[str, Fingerprint]:
    """Return the fingerprint of each existing file of a recipe, by setting, such as `data.path`.

    If the recipe has several languages, a key is the setting and the codes: `data.path fre`. If a
    setting is a pattern that matches several files, the name of the file follows.
    """
    return {key: Fingerprint.of(path) for key, path in _existing_files(recipe).items()}


def changed_file(
    recipe: Recipe, files: Mapping[str, Fingerprint], keys: Container[str] | None = None
) -> str:
    """Return the path of the first file whose content has changed, or "" if none has.

    A missing file does not count as changed.

    Args:
        recipe: The recipe. Its paths may differ from those at the start of the run.
        files: The earlier fingerprints, by setting.
        keys: Settings whose files are compared. Default: all.
    """
    for key, path in _existing_files(recipe).items():
        known = files.get(key)
        if (keys is None or key.split()[0] in keys) and not (known and known.matches(path)):
            return path
    return ""


def _existing_files(recipe: Recipe) -> dict[str, str]:
    """Return the path of each existing file of a recipe, by setting."""
    paths = {f"model.{key}": getattr(recipe.model, key) for key in EMBEDDING_KEYS}
    for config in each_language(recipe.data):
        codes = "" if config == recipe.data else f" {config.language} {config.target_language}"
        for key in PATH_KEYS:
            if key == "alignment_path" and not recipe.training.guided_alignment:
                continue
            try:
                paths.update(_named(f"data.{key}{codes.rstrip()}", find_files(config, key)))
            except InputError:  # for example, the folder is missing
                continue
    try:
        teachers = teacher_files(recipe)
    except InputError:  # for example, a member of an ensemble is missing
        teachers = []
    paths.update((f"{TEACHER_KEY}{number}", str(path)) for number, path in enumerate(teachers))
    return {key: path for key, path in paths.items() if path and os.path.isfile(path)}


def _named(key: str, paths: Sequence[str]) -> dict[str, str]:
    """Name the files of a setting: by the setting, and by the file's name if there are several.

    A new file that matches a pattern has a name without an earlier fingerprint.
    """
    if len(paths) <= 1:
        return dict.fromkeys([key], *paths) if paths else {}
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
    return {f"{key} {os.path.relpath(path, folder)}": path for path in paths}


def teacher_files(recipe: Recipe) -> list[Path]:
    """Return the files of the teachers' models, one for each member of an ensemble."""
    return [file for path in teacher_paths(recipe.training) for file in model_files(Path(path))]
