"""The paths of a recipe's data, which can have language codes in braces and wildcards."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from dataclasses import replace

from keras_attention.errors import InputError
from keras_attention.files.patterns import has_wildcard, matching_files

from ..recipe.data_config import DataConfig
from ..recipe.model_config import ModelConfig
from ..recipe.recipe import Recipe
from ..recipe.training_config import TrainingConfig
from .datasets import fetch_command

PAIR_KEYS = ("path", "target_path", "validation_path", "validation_target_path")
"""Settings with the path of a file of pairs."""

PATH_KEYS = (*PAIR_KEYS, "alignment_path")
EMBEDDING_KEYS = ("source_embeddings", "target_embeddings")

_BRACES = re.compile(r"\{\{|\}\}|\{(?:language|target_language)\}|[{}]")
_CODE = r"[\w-]+"


def find_files(config: DataConfig, key: str) -> list[str]:
    """Return the paths of the files that a setting names, or none if the setting is empty.

    Args:
        config: the recipe's `[data]` section.
        key: one of `PATH_KEYS`.

    Returns:
        The paths, absolute or relative to the working folder: all files that match a pattern,
        sorted; or a single file, which need not exist.

    Raises:
        InputError: if braces contain something other than a language setting, if the language is
            not set or has no file, if the data folder is missing, or if no file matches a pattern.

    Example:
        >>> find_files(DataConfig(path="{{a}}.tsv"), "path")
        ['{a}.tsv']
    """
    text = getattr(config, key)
    if not text:
        return []
    codes = {name: _code(config, key, name) for name in _names(key, text)}
    filled = _fill(text, codes)
    if config.folder and not os.path.isabs(filled) and not os.path.isdir(config.folder):
        raise InputError(
            f"{config.folder}: expected a folder with the recipe's data (data.folder); if it is a "
            f"public data set, download it with {fetch_command(config.folder)}. "
            "Received: no such folder."
        )
    found = matching_files(filled, config.folder)
    for name in codes:
        if not os.path.exists(found[0]):
            _check_language(config, text, codes, name)
    return found


def absolute(config: DataConfig) -> DataConfig:
    """Return the section with paths that do not depend on the working folder.

    If the section has a folder, only the folder is made absolute. The same applies if the absolute
    path of a file has braces or wildcards: they may belong to the working folder, whose name must
    be read literally, as only `folder` is.
    """
    paths = {key: getattr(config, key) for key in PATH_KEYS}
    found = {key: os.path.abspath(path) for key, path in paths.items() if path}
    if config.folder or any(set(path) & set("{}") or has_wildcard(path) for path in found.values()):
        return replace(config, folder=os.path.abspath(config.folder))
    return replace(config, **found)


def absolute_files(config: ModelConfig) -> ModelConfig:
    """Return the section with embedding files that do not depend on the working folder."""
    files = {key: getattr(config, key) for key in EMBEDDING_KEYS}
    return replace(config, **{key: os.path.abspath(path) for key, path in files.items() if path})


def teacher_paths(config: TrainingConfig) -> list[str]:
    """Return the paths of the teachers, each of them a folder or a checkpoint.

    Example:
        >>> teacher_paths(TrainingConfig(teachers=os.pathsep.join("ab"), teacher_weight=0.5))
        ['a', 'b']
    """
    return [path for path in config.teachers.split(os.pathsep) if path]


def absolute_teachers(config: TrainingConfig) -> TrainingConfig:
    """Return the section with teachers that do not depend on the working folder."""
    return replace(config, teachers=join_teachers(teacher_paths(config)))


def join_teachers(paths: Iterable[str | os.PathLike[str]]) -> str:
    """Return the absolute paths of teachers as the value of `training.teachers`.

    Raises:
        InputError: if a path contains the character that separates paths.
    """
    found = [os.path.abspath(path) for path in paths]
    for path in found:
        if os.pathsep in path:
            raise InputError(
                f"{path}: the path of a teacher must not contain {os.pathsep!r}, which separates "
                "teachers; rename the folder."
            )
    return os.pathsep.join(found)


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """Return the recipe for a run folder: its paths do not depend on the working folder."""
    return replace(
        recipe,
        data=absolute(recipe.data),
        model=absolute_files(recipe.model),
        training=absolute_teachers(recipe.training),
    )


def literal(path: str) -> str:
    """Return a path with its braces doubled, so that a path setting reads them literally."""
    return path.replace("{", "{{").replace("}", "}}")


def _names(key: str, text: str) -> list[str]:
    """Return the names of the language settings in braces, each once."""
    found = [brace for brace in _BRACES.findall(text) if brace not in ("{{", "}}")]
    if set(found) & {"{", "}"}:
        raise InputError(
            f"`data.{key}` may have {{language}} and {{target_language}}; write other braces "
            f"twice. Received: data.{key}={text!r}."
        )
    return list(dict.fromkeys(brace.strip("{}") for brace in found))


def _code(config: DataConfig, key: str, name: str) -> str:
    code: str = getattr(config, name)
    if not re.fullmatch(_CODE, code):
        raise InputError(
            f"`data.{name}` must be a language code, because data.{key} has {{{name}}}. "
            f"Received: data.{name}={code!r}."
        )
    return code


def _fill(text: str, codes: dict[str, str]) -> str:
    return _BRACES.sub(lambda match: codes.get(match[0].strip("{}"), match[0][0]), text)


def _check_language(config: DataConfig, text: str, codes: dict[str, str], name: str) -> None:
    """Check that a file exists for the language in `name`; the error lists the known ones."""
    known = _known_codes(config.folder, text, codes, name)
    if codes[name] in known:
        return
    path = os.path.join(config.folder, _fill(text, codes))
    found = f"files for: {', '.join(known)}" if known else "no such file for any language"
    raise InputError(
        f"{path}: expected this file for data.{name}={codes[name]!r}. "
        f"Received: a folder with {found}."
    )


def _known_codes(folder: str, text: str, codes: dict[str, str], name: str) -> list[str]:
    """Return the codes for which a file exists if `name` is set to them."""
    brace, mark = f"{{{name}}}", "\0"
    path = os.path.join(folder, _fill(text.replace(brace, mark), codes))
    pieces = path.split(mark)
    # The first occurrence captures the code, and the others must repeat it.
    first, *others = map(re.escape, pieces)
    pattern = first + f"({_CODE})" + r"\1".join(others)
    matches = (
        re.fullmatch(pattern, found) for found in glob.glob("*".join(map(glob.escape, pieces)))
    )
    return sorted(match[1] for match in matches if match)
