"""Recipes: one TOML file holds everything that a training run depends on.

Each field of the sections below carries its explanation, choices and range. Type checks, error
messages and the command line's help are read from there, so a new setting is one line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files import read_lines, write_atomically
from keras_attention.text.normalization import FORMS
from keras_attention.text.subword_learning import MODEL_TYPES
from keras_attention.text.tokenizers import TOKENIZERS

from .settings import Section, Setting, find_nearest, setting
from .text_metrics import METRICS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class DataConfig(Section):
    """Where the pairs come from, and which are left out. Paths start at the working folder."""

    section = "data"
    format: str = setting(
        "dates",
        "how the pairs are stored: free-form dates, tab-separated columns, or two parallel files",
        choices=("dates", "tsv", "parallel"),
    )
    path: str = setting("", "training file (parallel: its sources); empty for dates: generate them")
    target_path: str = setting("", "training targets (parallel only)")
    validation_path: str = setting("", "held-out file (parallel: its sources); else see held_out")
    validation_target_path: str = setting("", "held-out targets (parallel only)")
    size: int = setting(50000, "dates to generate when there is no path", minimum=1)
    held_out: int = setting(
        5000, "pairs held out after a seeded shuffle when there is no validation_path", minimum=0
    )
    max_source_length: int = setting(64, "tokens with </s>; longer sources are dropped", minimum=1)
    max_target_length: int = setting(64, "tokens with </s>; longer targets are dropped", minimum=1)


@dataclass(frozen=True)
class TextConfig(Section):
    """How text becomes tokens."""

    section = "text"
    source_tokenizer: str = setting("character", "unit of a source", choices=tuple(TOKENIZERS))
    target_tokenizer: str = setting("character", "unit of a target", choices=tuple(TOKENIZERS))
    source_vocabulary_size: int = setting(
        0, "most tokens kept (0 = no limit); subwords: all of them (0 = 8000)", minimum=0
    )
    target_vocabulary_size: int = setting(
        0, "most tokens kept (0 = no limit); subwords: all of them (0 = 8000)", minimum=0
    )
    min_count: int = setting(1, "a token (subwords: a character) seen less is unknown", minimum=1)
    source_normalization: str = setting("nfc", "Unicode normal form of sources", choices=FORMS)
    target_normalization: str = setting(
        "nfc", "Unicode normal form of targets; what is decoded is always nfc", choices=FORMS
    )
    lowercase: bool = setting(False, "lower-case both sides")
    subword_type: str = setting("unigram", "how subwords are learned", choices=MODEL_TYPES)
    joint_vocabulary: bool = setting(
        False, "learn one vocabulary, of source_vocabulary_size, from both sides"
    )

    def __post_init__(self) -> None:
        """Checks the values, then their combination."""
        super().__post_init__()
        for name, free in {"tokenizer": "", "vocabulary_size": 0}.items():
            source, target = getattr(self, f"source_{name}"), getattr(self, f"target_{name}")
            if self.joint_vocabulary and target not in (source, free):
                raise InputError(
                    f"`text.joint_vocabulary` needs text.target_{name}={source!r}, that of the "
                    f"source. Received: text.target_{name}={target!r}."
                )


@dataclass(frozen=True)
class ModelConfig(Section):
    """The model's shape. Where attention is "none", what else says how to attend is ignored."""

    section = "model"
    attention: str = setting(
        "bahdanau", "how the decoder attends", choices=("bahdanau", "luong", "none")
    )
    score: str = setting(
        "general", "Luong's score", choices=("dot", "general", "concat", "location")
    )
    normalize: bool = setting(False, "normed Bahdanau score")
    scale: bool = setting(False, "scaled Luong score")
    placement: str = setting(
        "before", "attend before the LSTM or after it", choices=("before", "after")
    )
    input_feeding: bool = setting(False, "feed the attentional vector back (placement after only)")
    embedding: int = setting(256, "width of a token's embedding", minimum=1)
    units: int = setting(512, "width of an LSTM's state", minimum=1)
    encoder_layers: int = setting(1, "stacked encoder layers", minimum=1)
    decoder_layers: int = setting(1, "stacked decoder layers", minimum=1)
    merge: str = setting("concat", "how both directions join", choices=("concat", "sum"))
    bridge: str = setting(
        "dense", "how the decoder's state starts", choices=("dense", "copy", "zero")
    )
    dropout: float = setting(0.0, "share of activations dropped", minimum=0, below=1)
    attention_units: int = setting(
        0, "width of the additive score and of the attentional vector (0 = units)", minimum=0
    )

    def __post_init__(self) -> None:
        """Checks the values, then their combination."""
        super().__post_init__()
        if self.attention != "none" and self.placement == "before" and self.input_feeding:
            raise InputError(
                "`model.input_feeding` needs model.placement='after', because attention placed "
                "before the LSTM feeds the context already. Received: model.placement='before'."
            )


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is fitted."""

    section = "training"
    epochs: int = setting(10, "passes over the training pairs", minimum=1)
    batch_size: int = setting(64, "pairs in a batch", minimum=1)
    learning_rate: float = setting(0.001, "Adam's step size", above=0)
    clip_norm: float = setting(1.0, "largest norm of all gradients (0 = no limit)", minimum=0)
    bucket_width: int = setting(8, "lengths within this many tokens batch together", minimum=1)
    mixed_precision: bool = setting(False, "compute in 16 bits, keep weights in 32")
    metric: str = setting("exact_match", "what the best model is kept by", choices=tuple(METRICS))
    validate_every: int = setting(
        0, "steps before each validation (0 = an epoch); the last ones are all taken", minimum=0
    )
    patience: int = setting(
        0, "stop after so many validations without a new best (0 = never)", minimum=0
    )


@dataclass(frozen=True)
class DecodingConfig(Section):
    """How held-out sources are decoded."""

    section = "decoding"
    beam_width: int = setting(1, "hypotheses kept a step (1 = greedy)", minimum=1)
    length_penalty: float = setting(0.0, "GNMT's alpha", minimum=0)
    max_length: int = setting(0, "longest output (0 = data.max_target_length)", minimum=0)


@dataclass(frozen=True)
class Recipe(Section):
    """Everything a run depends on. Equal recipes on equal versions train equal weights.

    Raises:
        InputError: If a value has the wrong type, is out of range or contradicts another one.

    Example:
        >>> recipe = load_recipe("dates", ["attention=none", "training.epochs=5"])
        >>> recipe.model.attention, recipe.training.epochs
        ('none', 5)
    """

    name: str = setting("recipe", "name of the run, a file name without a folder")
    seed: int = setting(1, "seed of split, weights and shuffle", minimum=0, below=2**32)
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()

    def __post_init__(self) -> None:
        """Checks the values at the top; each section has checked its own."""
        super().__post_init__()
        if self.name in ("", ".", "..") or set(self.name) & set("/\\"):
            raise InputError(
                f"`name` must be a file name without a folder. Received: {self.name!r}."
            )

    def to_toml(self) -> str:
        """Returns the whole recipe, defaults included; `load_recipe` reads it back equal."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.values()]
        for section in _SECTIONS:
            lines += ["", f"[{section}]"]
            lines += [f"{name} = {_toml(value)}" for name, value in getattr(self, section).values()]
        return "\n".join(lines) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `to_toml` to a file, complete or not at all."""
        with write_atomically(path) as temporary:
            Path(temporary).write_text(self.to_toml(), encoding="utf-8", newline="\n")


_SECTIONS: dict[str, type[Section]] = {
    kind.section: kind
    for kind in (DataConfig, TextConfig, ModelConfig, TrainingConfig, DecodingConfig)
}
SETTINGS: dict[str, Setting] = {
    known.key: known
    for settings in (Recipe.settings(), *(kind.settings() for kind in _SECTIONS.values()))
    for known in settings
}


def load_recipe(name_or_path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe, then applies overrides.

    Args:
        name_or_path: Name of a file in `training/recipes` without its ending, or the path of a
            `.toml` file. Settings that the file leaves out keep their defaults.
        overrides: Texts "key=value". The key is dotted ("data.path"), or its last part alone
            where one section has it ("epochs"). The value is written as in TOML; a string needs no
            quotes.

    Returns:
        The checked recipe.

    Raises:
        InputError: If there is no such recipe, the file is no TOML, a key is unknown (the nearest
            one is named), or a value has the wrong type, is out of range or contradicts another.
    """
    path = _locate(os.fspath(name_or_path))
    values: dict[str, Any] = {"name": path.stem}
    values.update(_read(path))
    values.update(map(_parse_override, overrides))
    top = {key: value for key, value in values.items() if "." not in key}
    try:
        sections: dict[str, Any] = {
            name: kind(**_under(name, values)) for name, kind in _SECTIONS.items()
        }
        return Recipe(**top, **sections)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def recipe_names() -> list[str]:
    """Returns the names of the recipes that come with the library."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob("*.toml"))


def _locate(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml") or Path(name_or_path).name != name_or_path:
        return Path(name_or_path)
    names = recipe_names()
    if name_or_path not in names:
        raise InputError(
            f"There is no recipe {name_or_path!r}; the nearest is "
            f"{find_nearest(name_or_path, names)!r}. "
            f"A recipe is the path of a .toml file or one of: {', '.join(names)}."
        )
    return RECIPES_FOLDER / f"{name_or_path}.toml"


def _read(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields the dotted key and the checked value of everything that stands in a recipe file."""
    try:
        table = tomllib.loads("\n".join(read_lines(path)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: this is not TOML: {error}.") from None
    for key, value in _flatten(table, path):
        if key not in SETTINGS:
            raise InputError(f"{path}: {_unknown(key)}")
        try:
            yield key, SETTINGS[key].check(value)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _flatten(table: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in SETTINGS or not (key in _SECTIONS or isinstance(value, dict)):
            yield key, value
        elif not isinstance(value, dict):
            raise InputError(f"{path}: `{key}` must be a table. Received: {key}={value!r}.")
        elif not value and key not in _SECTIONS:
            nearest = find_nearest(key, _SECTIONS)
            raise InputError(f"{path}: unknown table [{key}]; the nearest is [{nearest}].")
        else:
            yield from ((f"{key}.{leaf}", inner) for leaf, inner in value.items())


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals):
        raise InputError(f"An override must read key=value. Received: {text!r}.")
    matches = [known for known in SETTINGS if key in (known, known.rpartition(".")[2])]
    if not matches:
        raise InputError(_unknown(key))
    if len(matches) > 1 and key not in matches:
        raise InputError(f"`{key}` is in several sections; write one of: {', '.join(matches)}.")
    found = SETTINGS[key if key in matches else matches[0]]
    return found.key, found.check(_parse_value(value, as_text=isinstance(found.default, str)))


def _parse_value(text: str, *, as_text: bool) -> Any:
    """Reads a TOML value; where a string is due, all but a quoted string stands for itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    alone = len(table) == 1 and (isinstance(table["value"], str) or not as_text)
    return table["value"] if alone else text


def _unknown(key: str) -> str:
    return f"Unknown key `{key}`; the nearest is `{find_nearest(key, SETTINGS)}`."


def _under(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = section + "."
    inside = {key: value for key, value in values.items() if key.startswith(prefix)}
    return {key.removeprefix(prefix): value for key, value in inside.items()}


def _toml(value: str | bool | int | float) -> str:
    # JSON writes scalars as TOML does, but for the one control character that it leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
