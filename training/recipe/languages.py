"""The languages of a recipe's files, and the source features that its sources carry."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from keras_attention.errors import InputError
from keras_attention.text.source_features import SourceFeatures

if TYPE_CHECKING:
    from .sections import DataConfig

LANGUAGES = ("language", "target_language")
"""Settings with codes, which replace braces in paths and may be the value of a feature."""

_FILES = (("path", "target_path"), ("validation_path", "validation_target_path"))


def list_codes(text: str) -> list[str]:
    """Return the codes of a setting: those between commas, or "" if it is not set.

    Example:
        >>> list_codes("fre, kor"), list_codes("")
        (['fre', 'kor'], [''])
    """
    return [code.strip() for code in text.split(",")]


def feature_names(config: DataConfig) -> list[str]:
    """Return the names of a recipe's source features."""
    return list_codes(config.source_features) if config.source_features else []


def each_language(config: DataConfig) -> Iterator[DataConfig]:
    """Yield the section once for each combination of the languages, each with a single code."""
    codes = (list_codes(getattr(config, name)) for name in LANGUAGES)
    for values in itertools.product(*codes):
        yield replace(config, **dict(zip(LANGUAGES, values, strict=True)))


def given_features(config: DataConfig) -> dict[str, str]:
    """Return the features of all sources that are read with a section of single codes."""
    codes = {name: getattr(config, name) for name in LANGUAGES}
    return {name: codes[name] for name in feature_names(config) if codes.get(name)}


def check_languages(config: DataConfig, unlabelled: tuple[str, ...]) -> None:
    """Check the settings `language`, `target_language` and `source_features` of a section.

    Args:
        config: the section.
        unlabelled: formats whose sources cannot carry features.

    Raises:
        InputError: if a setting is malformed or contradicts another one.
    """
    for name in LANGUAGES:
        _check_codes(config, name)
    if not config.source_features:
        return
    if config.format in unlabelled:
        raise InputError(
            "`data.source_features` requires data.format='tsv', 'csv' or 'parallel'. Received: "
            f"data.source_features={config.source_features!r}, data.format={config.format!r}."
        )
    names = feature_names(config)
    try:
        SourceFeatures(dict.fromkeys(names, ["any"]))
        repeated = len(set(names)) < len(names)
    except InputError as error:
        raise InputError(f"`data.source_features`: {error}") from None
    if repeated:
        raise InputError(
            "`data.source_features` must have different names. "
            f"Received: data.source_features={config.source_features!r}."
        )


def _check_codes(config: DataConfig, name: str) -> None:
    text = getattr(config, name)
    codes = list_codes(text)
    if len(codes) == 1:
        return
    if len(set(codes)) < len(codes) or "" in codes:
        raise InputError(
            f"`data.{name}` must have different language codes between its commas. "
            f"Received: data.{name}={text!r}."
        )
    for first, second in _FILES:
        paths = getattr(config, first), getattr(config, second)
        needed = first == "path" or paths[0]
        if needed and not any(f"{{{name}}}" in path for path in paths):
            raise InputError(
                f"`data.{first}` must contain {{{name}}}, because data.{name} has several codes. "
                f"Received: data.{first}={paths[0]!r}, data.{name}={text!r}."
            )
