"""Reads language codes and names of source features from the settings of `[data]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_attention.errors import InputError
from keras_attention.text.source_features import SourceFeatures

LANGUAGES = ("language", "target_language")
"""Settings that hold codes. A code replaces `{language}` or `{target_language}` in paths, and may
be the value of a feature."""

_FILES = (("path", "target_path"), ("validation_path", "validation_target_path"))


def list_codes(text: str) -> list[str]:
    """Return the comma-separated codes of a setting; `[""]` if it is not set.

    Example:
        >>> list_codes("fre, kor"), list_codes("")
        (['fre', 'kor'], [''])
    """
    return [code.strip() for code in text.split(",")]


def feature_names(text: str) -> list[str]:
    """Return the names in the setting `source_features`.

    Example:
        >>> feature_names("language, domain"), feature_names("")
        (['language', 'domain'], [])
    """
    return list_codes(text) if text else []


def check_languages(data: Mapping[str, Any], labelled: Sequence[str]) -> None:
    """Check the settings `language`, `target_language` and `source_features`."""
    for name in LANGUAGES:
        _check_codes(data, name)
    text = data["source_features"]
    if not text:
        return
    if data["format"] not in labelled:
        *first, last = map(repr, labelled)
        raise InputError(
            f"`data.source_features` requires data.format={', '.join(first)} or {last}. Received: "
            f"data.source_features={text!r}, data.format={data['format']!r}."
        )
    names = feature_names(text)
    try:
        SourceFeatures(dict.fromkeys(names, ["any"]))
    except InputError as error:
        raise InputError(f"`data.source_features`: {error}") from None
    if len(set(names)) < len(names):
        raise InputError(
            "`data.source_features` must have different names. "
            f"Received: data.source_features={text!r}."
        )


def _check_codes(data: Mapping[str, Any], name: str) -> None:
    codes = list_codes(data[name])
    if len(codes) == 1:
        return
    if len(set(codes)) < len(codes) or "" in codes:
        raise InputError(
            f"`data.{name}` must have different language codes between its commas. "
            f"Received: data.{name}={data[name]!r}."
        )
    for first, second in _FILES:
        needed = first == "path" or data[first]
        if needed and not any(f"{{{name}}}" in data[key] for key in (first, second)):
            raise InputError(
                f"`data.{first}` must contain {{{name}}}, because data.{name} has several codes. "
                f"Received: data.{first}={data[first]!r}, data.{name}={data[name]!r}."
            )
