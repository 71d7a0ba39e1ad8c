"""The variants of a recipe that a comparison trains: a grid of settings, and single variants.

The label of a variant lists the settings that it varies: `luong after units=64`. Attention and
placement are listed without their keys, and a model without attention is called `fixed vector`.
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

_NOT_VARIED = {
    "seed": "use --seeds N for several seeds",
    "name": "use name=NAME in --also to name a variant",
    "training.metric": "use --set to choose one metric for all variants",
}
# Folders are named after labels, so this list must not change.
_WITHOUT_KEY = ("model.attention", "model.placement")
_WORDS = {("model.attention", "none"): "fixed vector"}


@dataclass(frozen=True)
class Variant:
    """A recipe to train, and its label.

    Attributes:
        label: the values that distinguish the variant, without those that its model ignores.
        choices: all values that distinguish it, with their keys.
        recipe: the complete recipe.
    """

    label: str
    choices: tuple[Choice, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Refused:
    """A combination that is not trained.

    Attributes:
        label: the label that the variant would have.
        reason: why it is not trained, as a sentence.
    """

    label: str
    reason: str


@dataclass(frozen=True)
class Grid:
    """The variants to train and the combinations that are not trained, in the order requested."""

    variants: tuple[Variant, ...]
    refused: tuple[Refused, ...]


def expand_grid(
    recipe: str,
    overrides: Sequence[str] = (),
    *,
    vary: Sequence[str] = (),
    also: Sequence[str] = (),
) -> Grid:
    """Return the variants of a comparison.

    Args:
        recipe: the name or path of the recipe; see `load_recipe`.
        overrides: settings of all variants, each as "key=value".
        vary: settings to vary, each as "key=value,value". The grid contains all combinations; the
            last setting changes fastest.
        also: additional variants after the grid, each as "key=value,key=value"; the key `name` sets
            the label.

    Returns:
        The variants, and the refused combinations: those that are not a valid recipe, or that
        differ from an earlier variant only in settings that their model ignores.

    Example:
        >>> vary = ["attention=bahdanau,none", "input_feeding=true,false"]
        >>> grid = expand_grid("dates", vary=vary)
        >>> [variant.label for variant in grid.variants]
        ['bahdanau input_feeding=false', 'fixed vector']
        >>> [refused.label for refused in grid.refused]
        ['bahdanau input_feeding=true', 'fixed vector input_feeding=false']
    """
    if not (vary or also):
        raise InputError("expected --vary KEY=VALUE,VALUE or --also KEY=VALUE. Received: neither.")
    load_recipe(recipe)
    for override in overrides:
        parse_override(override)
    axes = [_parse_axis(text) for text in vary]
    _check_keys([axis[0][0] for axis in axes], "--vary")
    combinations = [*(itertools.product(*axes) if axes else ()), *map(_parse_variant, also)]
    variants: list[Variant] = []
    refused: list[Refused] = []
    for choices in dict.fromkeys(combinations):
        found = _make(recipe, overrides, choices, variants)
        (variants if isinstance(found, Variant) else refused).append(found)  # type: ignore[arg-type]
    if not variants:
        raise InputError(f"no combination can be trained; {refused[0].label}: {refused[0].reason}")
    _check_labels([variant.label for variant in variants])
    return Grid(tuple(variants), tuple(refused))


def label_of(choices: Sequence[Choice]) -> str:
    """Return the label of a variant.

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
    used = [choice for choice in choices if choice[0] not in ignored]
    return Variant(label_of(used or choices), choices, made)


def _parse_axis(text: str) -> list[Choice]:
    key, _, values = text.partition("=")
    choices = [parse_override(f"{key}={value}") for value in _split(values)]
    if not choices:
        raise InputError(f"--vary must have the form key=value,value. Received: {text!r}.")
    return list(dict.fromkeys(choices))


def _parse_variant(text: str) -> tuple[Choice, ...]:
    choices = tuple(map(parse_override, _split(text)))
    if not choices:
        raise InputError(f"--also must have the form key=value,key=value. Received: {text!r}.")
    _check_keys([key for key, _ in choices if key != "name"], "--also")
    return choices


def _check_keys(keys: Sequence[str], option: str) -> None:
    for key in keys:
        if key in _NOT_VARIED:
            raise InputError(f"`{key}` cannot be varied; {_NOT_VARIED[key]}.")
        if keys.count(key) > 1:
            raise InputError(f"{option} must contain each key once. Received: `{key}` twice.")


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(
                "variants must have different labels; name=NAME in --also sets the label. "
                f"Received: `{label}` twice."
            )


def _split(text: str) -> list[str]:
    """Split a text at commas that are not between double quotes."""
    return next(csv.reader([text], skipinitialspace=True), [])


def _as_typed(value: Any) -> str:
    """Return a value as text, in the form of an override."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _word(choice: Choice) -> str:
    key, value = choice
    if choice in _WORDS:
        return _WORDS[choice]
    name = key.rpartition(".")[2]
    return str(value) if key in _WITHOUT_KEY else f"{name}={_as_typed(value)}"


def _effective(recipe: Recipe) -> Recipe:
    """Return a recipe in which the settings that its model ignores have their defaults."""
    ignored = recipe.model.ignored_settings
    defaults = {name: SETTINGS[f"model.{name}"].default for name in ignored}
    return replace(recipe, model=replace(recipe.model, **defaults))
