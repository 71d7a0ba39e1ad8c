"""The variants of a recipe that a comparison trains: a grid of settings, and single ones beside it.

A variant is called by what it varies: `luong after units=64`. Attention and its placement go
without their key; no attention is called by what it leaves, the fixed vector.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_attention.errors import InputError

from ..recipe.recipe import SETTINGS, Recipe, load_recipe, parse_override

Choice = tuple[str, Any]
"""A dotted key and its checked value."""

_OURS = {
    "seed": "--seeds says how many",
    "name": "--also takes it, for what a variant is called",
    "training.metric": "--set says by which all are judged, in one column",
}
# Folders are called so: these keys stay, whatever values other settings come to have.
_WITHOUT_KEY = ("model.attention", "model.placement")
_WORDS = {("model.attention", "none"): "fixed vector"}


@dataclass(frozen=True)
class Variant:
    """A recipe to train, and what it is called.

    Attributes:
        label: the values that it varies, but for those which its model ignores.
        choices: all of them, with their keys.
        recipe: the whole of it.
    """

    label: str
    choices: tuple[Choice, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Refused:
    """A combination that is left out.

    Attributes:
        label: the values that it would vary.
        reason: why it is no model of its own, a sentence.
    """

    label: str
    reason: str


@dataclass(frozen=True)
class Grid:
    """What is compared, and what is not, both in the order in which it was asked for."""

    variants: tuple[Variant, ...]
    refused: tuple[Refused, ...]


def expand_grid(
    recipe: str,
    overrides: Sequence[str] = (),
    *,
    vary: Sequence[str] = (),
    also: Sequence[str] = (),
) -> Grid:
    """Makes the recipes of a comparison.

    Args:
        recipe: as `load_recipe` takes it.
        overrides: settings of all variants, texts "key=value".
        vary: texts "key=value,value"; the grid is every combination, the last one changing fastest.
        also: texts "key=value,key=value", a variant each, behind the grid; `name` among the keys
            says what the variant is called.

    Returns:
        The variants; and what the recipe refuses, or what differs from an earlier variant only in
        settings that its model ignores.

    Raises:
        InputError: if the recipe cannot be read, a key is unknown, comes twice or is none to vary,
            a value is none that the key may have, two variants have one name, or no combination
            is a model.

    Example:
        >>> vary = ["attention=bahdanau,none", "input_feeding=true,false"]
        >>> grid = expand_grid("dates", vary=vary)
        >>> [variant.label for variant in grid.variants]
        ['bahdanau input_feeding=false', 'fixed vector']
        >>> [refused.label for refused in grid.refused]
        ['bahdanau input_feeding=true', 'fixed vector input_feeding=false']
    """
    if not (vary or also):
        raise InputError("A comparison needs --vary KEY=VALUE,VALUE or --also KEY=VALUE.")
    load_recipe(recipe)
    for override in overrides:
        parse_override(override)
    axes = [_parse_axis(text) for text in vary]
    _check_keys([axis[0][0] for axis in axes], "--vary")
    wanted = [*(itertools.product(*axes) if axes else ()), *map(_parse_variant, also)]
    variants: list[Variant] = []
    refused: list[Refused] = []
    for choices in dict.fromkeys(wanted):
        found = _make(recipe, overrides, choices, variants)
        (variants if isinstance(found, Variant) else refused).append(found)  # type: ignore[arg-type]
    if not variants:
        raise InputError(f"No combination is a model: {refused[0].label}: {refused[0].reason}")
    _check_labels([variant.label for variant in variants])
    return Grid(tuple(variants), tuple(refused))


def label_of(choices: Sequence[Choice]) -> str:
    """What a variant is called.

    Example:
        >>> label_of([("model.attention", "luong"), ("model.score", "concat"), ("model.units", 8)])
        'luong score=concat units=8'
    """
    named = dict(choices).get("name")
    if named:
        return str(named)
    return " ".join(map(_word, choices))


def _make(
    recipe: str, overrides: Sequence[str], choices: tuple[Choice, ...], before: Sequence[Variant]
) -> Variant | Refused:
    label = label_of(choices)
    settings = [f"{key}={_as_typed(value)}" for key, value in choices if key != "name"]
    try:
        made = load_recipe(recipe, [*overrides, *settings])
    except InputError as error:
        return Refused(label, str(error))
    for other in before:
        if _effective(other.recipe) == _effective(made):
            return Refused(label, f"the same model as {other.label}.")
    ignored = [f"model.{name}" for name in made.model.ignored_settings]
    meant = [choice for choice in choices if choice[0] not in ignored]
    return Variant(label_of(meant or choices), choices, made)


def _parse_axis(text: str) -> list[Choice]:
    key, _, values = text.partition("=")
    choices = [parse_override(f"{key}={value}") for value in _split(values)]
    if not choices:
        raise InputError(f"--vary must read key=value,value. Received: {text!r}.")
    return list(dict.fromkeys(choices))


def _parse_variant(text: str) -> tuple[Choice, ...]:
    choices = tuple(map(parse_override, _split(text)))
    if not choices:
        raise InputError(f"--also must read key=value,key=value. Received: {text!r}.")
    _check_keys([key for key, _ in choices if key != "name"], "--also")
    return choices


def _check_keys(keys: Sequence[str], option: str) -> None:
    for key in keys:
        if key in _OURS:
            raise InputError(f"`{key}` cannot be varied; {_OURS[key]}.")
        if keys.count(key) > 1:
            raise InputError(f"{option} must name a key once. Received: `{key}` twice.")


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(
                "Variants must differ in what they are called; name=NAME in --also says how. "
                f"Received: `{label}` twice."
            )


def _split(text: str) -> list[str]:
    """Splits at commas, but for those between double quotes."""
    return next(csv.reader([text], skipinitialspace=True), [])


def _as_typed(value: Any) -> str:
    """The value as an override takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _word(choice: Choice) -> str:
    key, value = choice
    if choice in _WORDS:
        return _WORDS[choice]
    name = key.rpartition(".")[2]
    return str(value) if key in _WITHOUT_KEY else f"{name}={_as_typed(value)}"


def _effective(recipe: Recipe) -> Recipe:
    """The recipe, with the defaults for what its model ignores."""
    ignored = recipe.model.ignored_settings
    defaults = {name: SETTINGS[f"model.{name}"].default for name in ignored}
    return replace(recipe, model=replace(recipe.model, **defaults))
