"""What the paths of a recipe's data mean: a folder they start at, language codes in braces."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import replace

from keras_attention.errors import InputError

from ..recipe.recipe import Recipe
from ..recipe.sections import DataConfig, ModelConfig
from .datasets import fetch_command

PAIR_KEYS = ("path", "target_path", "validation_path", "validation_target_path")
"""Settings that name a file of pairs."""

PATH_KEYS = (*PAIR_KEYS, "alignment_path")
EMBEDDING_KEYS = ("source_embeddings", "target_embeddings")

_BRACES = re.compile(r"\{\{|\}\}|\{(?:language|target_language)\}|[{}]")
_CODE = r"[\w-]+"


def find_file(config: DataConfig, key: str) -> str:
    """Returns the file that a key of the section names, or "" where the key is empty.

    Args:
        config: the section.
        key: one of `PATH_KEYS`.

    Returns:
        The path, from the working folder or absolute; it need not exist.

    Raises:
        InputError: if braces hold something else than a language, the language is not set or has
            no file, or the folder is missing.

    Example:
        >>> find_file(DataConfig(path="{{a}}.tsv"), "path")
        '{a}.tsv'
    """
    text = getattr(config, key)
    if not text:
        return ""
    codes = {name: _code(config, key, name) for name in _names(key, text)}
    filled = _fill(text, codes)
    if config.folder and not os.path.isabs(filled) and not os.path.isdir(config.folder):
        raise InputError(
            f"{config.folder}: expected a folder with the recipe's data (data.folder); for a "
            f"public data set {fetch_command(config.folder)} gets it. Received: no such folder."
        )
    path = os.path.join(config.folder, filled)
    for name in codes:
        if not os.path.exists(path):
            _check_language(config, text, codes, name)
    return path


def absolute(config: DataConfig) -> DataConfig:
    """Returns the section with paths that mean the same from any working folder.

    Braces in the path of the working folder are none of the recipe's: where there are any, the
    folder is made absolute, and the paths stay as they are.
    """
    paths = {key: getattr(config, key) for key in PATH_KEYS}
    found = {key: os.path.abspath(path) for key, path in paths.items() if path}
    if config.folder or any(set(path) & set("{}") for path in found.values()):
        return replace(config, folder=os.path.abspath(config.folder))
    return replace(config, **found)


def absolute_files(config: ModelConfig) -> ModelConfig:
    """Returns the section with files that are the same from any working folder."""
    files = {key: getattr(config, key) for key in EMBEDDING_KEYS}
    return replace(config, **{key: os.path.abspath(path) for key, path in files.items() if path})


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """Returns the recipe as a run folder keeps it: it means the same from any working folder."""
    return replace(recipe, data=absolute(recipe.data), model=absolute_files(recipe.model))


def literal(path: str) -> str:
    """Returns what a path key must hold to name this very file, braces and all."""
    return path.replace("{", "{{").replace("}", "}}")


def _names(key: str, text: str) -> list[str]:
    """The settings that braces name, each once."""
    found = [brace for brace in _BRACES.findall(text) if brace not in ("{{", "}}")]
    if set(found) & {"{", "}"}:
        raise InputError(
            f"`data.{key}` may hold {{language}} and {{target_language}}; other braces are written "
            f"twice. Received: data.{key}={text!r}."
        )
    return list(dict.fromkeys(brace.strip("{}") for brace in found))


def _code(config: DataConfig, key: str, name: str) -> str:
    code: str = getattr(config, name)
    if not re.fullmatch(_CODE, code):
        raise InputError(
            f"`data.{name}` must be a language code, because data.{key} holds {{{name}}}. "
            f"Received: data.{name}={code!r}."
        )
    return code


def _fill(text: str, codes: dict[str, str]) -> str:
    return _BRACES.sub(lambda match: codes.get(match[0].strip("{}"), match[0][0]), text)


def _check_language(config: DataConfig, text: str, codes: dict[str, str], name: str) -> None:
    """Says which languages have a file, if that of `name` has none."""
    known = _known_codes(config.folder, text, codes, name)
    if codes[name] in known:
        return
    path = os.path.join(config.folder, _fill(text, codes))
    has = f"files for: {', '.join(known)}" if known else "files of that form for no language"
    raise InputError(
        f"{path}: expected this file for data.{name}={codes[name]!r}, but the folder has {has}."
    )


def _known_codes(folder: str, text: str, codes: dict[str, str], name: str) -> list[str]:
    """The codes in whose place for `name` there is a file."""
    brace, mark = f"{{{name}}}", "\0"
    path = os.path.join(folder, _fill(text.replace(brace, mark), codes))
    pieces = path.split(mark)
    # The first place gives the code, and the others must repeat it.
    first, *others = map(re.escape, pieces)
    pattern = first + f"({_CODE})" + r"\1".join(others)
    matches = (
        re.fullmatch(pattern, found) for found in glob.glob("*".join(map(glob.escape, pieces)))
    )
    return sorted(match[1] for match in matches if match)
