"""Recipes: one TOML file holds everything that a training run depends on.

Each field of a section's class, such as `DataConfig`, and of the library's settings classes that it
inherits from, declares its explanation, choices and range. Checks, error messages and the output of
`train --show` derive from these fields, so to add a setting, add a field.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError, check_texts, suggest
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.text_files import decode_lines, read_lines
from keras_attention.settings.setting import setting

from .data_config import DataConfig
from .decoding_config import DecodingConfig
from .model_config import ModelConfig
from .renamed import RENAMED, warn_of_old
from .settings import RecipeSetting, Section
from .start_settings import check_start_settings, start_settings
from .text_config import TextConfig
from .training_config import TrainingConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOO_MUCH = "a number has too many digits, or brackets are nested too deeply"
RECIPES_FOLDER = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe(Section):
    """Everything a training run depends on.

    With the same library versions, equal recipes train equal weights.

    Raises:
        InputError: If a value has the wrong type, is out of range or contradicts another one.

    Example:
        >>> recipe = load_recipe("dates", ["attention=none", "training.epochs=5"])
        >>> recipe.model.attention, recipe.training.epochs
        ('none', 5)
    """

    name: str = setting("recipe", "name of the run; it must be a file name without a folder")
    seed: int = setting(
        1,
        "seed of generated pairs, held-out split, initial weights, shuffling and dropout",
        minimum=0,
        below=2**32,
    )
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()

    def check_together(self) -> None:
        """Check the rules across sections; each has already checked its own values."""
        if self.name in ("", ".", "..") or set(self.name) & set("/\\"):
            raise InputError(
                f"`name` must be a file name without a folder. Received: {self.name!r}."
            )
        if self.text.source_subword_dropout and self.model.scores_by_location:
            raise InputError(
                "`text.source_subword_dropout` can make sources longer than "
                "data.max_source_length, and model.score='location' cannot attend beyond that "
                "length; use only one of them. Received: "
                f"text.source_subword_dropout={self.text.source_subword_dropout}, "
                "model.score='location'."
            )
        self._check_alignment()
        self._check_features()
        self._check_distributions()
        if self.text.joint_vocabulary and self.training.new_vocabulary in ("source", "target"):
            raise InputError(
                "`training.new_vocabulary` must be 'none' or 'both' with "
                "text.joint_vocabulary=true, because both sides share the vocabulary. "
                f"Received: training.new_vocabulary={self.training.new_vocabulary!r}."
            )
        if self.model.tie_embeddings == "all" and not self.text.joint_vocabulary:
            raise InputError(
                "`model.tie_embeddings`='all' uses one table for sources and targets and requires "
                "text.joint_vocabulary=true. Received: text.joint_vocabulary=false."
            )

    def _check_alignment(self) -> None:
        """Check that the mechanism has an alignment if a setting uses it."""
        alignment_users = {
            "training.short_list": self.training.short_list,
            "training.guided_alignment": self.training.guided_alignment,
            "training.coverage_loss": self.training.coverage_loss,
            "model.copying": self.model.copying,
            "decoding.replace_unknown": self.decoding.replace_unknown,
        }
        for key, value in alignment_users.items():
            if value and not self.model.mechanism.alignment:
                raise InputError(
                    f"`{key}` uses the alignment and requires a model.attention that has one. "
                    f"Received: model.attention={self.model.attention!r}."
                )
        if self.training.guided_alignment and self.data.replay:
            raise InputError(
                "`data.replay` adds pairs without the alignments that training.guided_alignment "
                f"requires; use only one of them. Received: data.replay={self.data.replay}, "
                f"training.guided_alignment={self.training.guided_alignment}."
            )
        if self.training.short_list and self.model.copying:
            raise InputError(
                "`training.short_list` excludes tokens that model.copying may copy; use only one "
                f"of them. Received: training.short_list={self.training.short_list}, "
                "model.copying=true."
            )

    def _check_distributions(self) -> None:
        """Check the losses that compare the distributions of two models or of two passes."""
        if self.training.r_drop and not self.model.drops_out:
            raise InputError(
                "`training.r_drop` requires dropout, such as model.dropout=0.2, because without it "
                "both passes are equal. "
                f"Received: training.r_drop={self.training.r_drop} and no dropout."
            )
        for name in ("r_drop", "teacher_weight"):
            if (value := getattr(self.training, name)) and self.model.output_mapping != "softmax":
                raise InputError(
                    f"`training.{name}` requires model.output_mapping='softmax', because the "
                    "divergence of sparse distributions can be infinite. Received: "
                    f"training.{name}={value}, model.output_mapping={self.model.output_mapping!r}."
                )

    def _check_features(self) -> None:
        """Check that there are source features if a setting for their embeddings is set."""
        for name in ("feature_embedding", "feature_merge"):
            value, default = getattr(self.model, name), SETTINGS[f"model.{name}"].default
            if value != default and not self.data.source_features:
                raise InputError(
                    f"`model.{name}` requires data.source_features. "
                    f"Received: model.{name}={value!r}, data.source_features=''."
                )

    @property
    def training_seed(self) -> int:
        """The seed of initial weights, shuffling and dropout."""
        return self.training.seed or self.seed

    def to_toml(self) -> str:
        """Return the recipe as TOML with all defaults; `load_recipe` reads it back."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.values()]
        for section in _SECTIONS:
            lines += ["", f"[{section}]"]
            lines += [f"{name} = {_toml(value)}" for name, value in getattr(self, section).values()]
        return "\n".join(lines) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as TOML to a file. If writing fails, the file is left unchanged."""
        write_file(path, self.to_toml().encode())


_SECTIONS: dict[str, type[Section]] = {
    kind.section: kind
    for kind in (DataConfig, TextConfig, ModelConfig, TrainingConfig, DecodingConfig)
}
SETTINGS: dict[str, RecipeSetting] = {
    known.key: known
    for settings in (Recipe.settings(), *(kind.settings() for kind in _SECTIONS.values()))
    for known in settings
}


def load_recipe(
    name_or_path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    start: Recipe | None = None,
) -> Recipe:
    """Load a recipe and apply overrides.

    Args:
        name_or_path: The name of a recipe in `training/recipes`, without `.toml`, or the path of a
            `.toml` file. Settings that are missing from the file keep their defaults.
        overrides: Strings "key=value". The key is dotted ("data.path"); its last part is enough
            if only one section has it ("epochs"). The value is written as in TOML, but a string
            needs no quotes.
        start: The recipe of the model that a run is fine-tuned from. Its sections [model] and
            [text] and its `data.source_features` replace the defaults.

    Returns:
        The checked recipe.

    Raises:
        InputError: If there is no such recipe, the file is not valid TOML, a key is unknown (the
            message suggests the nearest one), or a value has the wrong type, is out of range, or
            contradicts another value or one of `start`.
        TypeError: If `overrides` is a single string.
    """
    values, path = _given(name_or_path, overrides)
    if start is not None:
        sections = start.model, start.text, start.data
        check_start_settings(values, *sections)
        values = {**start_settings(*sections), **values}
    return _make(values, path)


def recipe_name(name_or_path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> str:
    """Return the name of a recipe, without checking whether its settings contradict each other.

    Raises:
        InputError: If there is no such recipe, or a single setting is invalid.
        TypeError: If `overrides` is a single string.
    """
    return str(_given(name_or_path, overrides)[0]["name"])


def parse_recipe(text: str, source: Path) -> Recipe:
    """Parse the TOML that `Recipe.to_toml` of this or an older version returned."""
    return _make(dict(_read(text, source)), source)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the library."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob("*.toml"))


def _given(
    name_or_path: str | os.PathLike[str], overrides: Sequence[str]
) -> tuple[dict[str, Any], Path]:
    """Return the values that a recipe and overrides set, by dotted key, and the recipe's path."""
    path = _locate(os.fspath(name_or_path))
    values: dict[str, Any] = {"name": path.stem}
    values.update(_read(_read_text(path), path))
    values.update(map(parse_override, check_texts(overrides, "overrides")))
    return values, path


def _make(values: Mapping[str, Any], path: Path) -> Recipe:
    """Build a recipe from values by dotted key."""
    top = {key: value for key, value in values.items() if "." not in key}
    try:
        sections: dict[str, Any] = {
            name: kind(**_under(name, values)) for name, kind in _SECTIONS.items()
        }
        return Recipe(**top, **sections)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _locate(name_or_path: str) -> Path:
    """Return the path of a recipe's file.

    Raises:
        InputError: If it is a folder, or neither a path nor the name of a recipe.
    """
    path = Path(name_or_path)
    is_name = path.name == name_or_path and path.suffix != ".toml"
    if is_name and name_or_path in (names := recipe_names()):
        return RECIPES_FOLDER / f"{name_or_path}.toml"
    if path.is_dir():
        raise InputError(f"{path}: expected a recipe, a .toml file. {_describe_folder(path)}")
    if not is_name:
        return path
    if path.is_file():
        raise InputError(
            f"{path}: expected a recipe, a .toml file. Received: another kind of file. To train "
            "on a file of pairs, name it in a recipe, as data.path."
        )
    own = f"; the nearest is {path}.toml" if Path(f"{path}.toml").is_file() else ""
    raise InputError(
        f"There is no recipe {name_or_path!r}{own or suggest(name_or_path, names)}. "
        f"Expected the path of a .toml file or one of: {', '.join(names)}."
    )


def _describe_folder(path: Path) -> str:
    """Return the end of the error about a folder that was given instead of a recipe."""
    file = path / "recipe.toml"
    if not file.is_file():
        return "Received: a folder."
    return (
        f"Received: the folder of a run. Its recipe is {file}; to continue the run, use "
        f"`keras-attention train {path} --resume`."
    )


def _read_text(path: Path) -> str:
    """Return the text of a recipe file, or of a pipe such as a shell's `<(...)`."""
    if path.suffix != ".toml" and path.is_fifo():
        return "\n".join(read_lines(path))
    return "\n".join(decode_lines(io.BytesIO(read_artefact(path)), str(path)))


def _read(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the checked value of every setting in a recipe's text."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else _TOO_MUCH
        raise InputError(f"{path}: this is not valid TOML: {reason}.") from None
    given = dict(_flatten(table, path))
    for key, value in given.items():
        if key not in SETTINGS and key not in RENAMED:
            raise InputError(f"{path}: {_unknown(key)}")
        if key in RENAMED and RENAMED[key].key in given:
            raise InputError(
                f"{path}: `{key}` is an older name of `{RENAMED[key].key}`; remove it."
            )
        try:
            yield _checked(key, value)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _checked(key: str, value: object) -> tuple[str, Any]:
    """Return the current key and the checked value of a setting, which may have an old name."""
    if key not in RENAMED:
        return key, SETTINGS[key].check(value)
    renamed = RENAMED[key]
    new = renamed.values[renamed.old.check(value)]
    # Run folders of older versions list every setting, so do not warn about a default.
    if new != SETTINGS[renamed.key].default:
        warn_of_old(key, _toml(new))
    return renamed.key, new


def _flatten(table: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in SETTINGS or not (key in _SECTIONS or isinstance(value, dict)):
            yield key, value
        elif not isinstance(value, dict):
            raise InputError(f"{path}: `{key}` must be a table. Received: {key}={value!r}.")
        elif not value and key not in _SECTIONS:
            known = f"; the tables are {', '.join(map('[{}]'.format, _SECTIONS))}"
            nearest = suggest(key, _SECTIONS, "[{}]") or known
            raise InputError(f"{path}: unknown table [{key}]{nearest}.")
        else:
            yield from ((f"{key}.{leaf}", inner) for leaf, inner in value.items())


def parse_override(text: str) -> tuple[str, Any]:
    """Parse a string "key=value" into the dotted key and the checked value.

    Example:
        >>> parse_override("units=64")
        ('model.units', 64)
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals):
        raise InputError(f"A setting must have the form key=value. Received: {text!r}.")
    every = (*SETTINGS, *RENAMED)
    matches = [known for known in every if key in (known, known.rpartition(".")[2])]
    if not matches:
        raise InputError(_unknown(key))
    if len(matches) > 1 and key not in matches:
        raise InputError(f"`{key}` is in several sections; write one of: {', '.join(matches)}.")
    found = key if key in matches else matches[0]
    declared = RENAMED[found].old if found in RENAMED else SETTINGS[found]
    as_text = isinstance(declared.default, str)
    return _checked(found, _parse_value(value, as_text=as_text))


def _parse_value(text: str, *, as_text: bool) -> Any:
    """Parse a TOML value; text that is not a TOML value is a string without quotes.

    Args:
        text: the value.
        as_text: whether the setting is a string. Then only quoted strings are parsed, and all
            other text is used literally.
    """
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    is_value = len(table) == 1 and (isinstance(table["value"], str) or not as_text)
    return table["value"] if is_value else text


def _unknown(key: str) -> str:
    all_keys = "; `keras-attention train dates --show` prints all keys"
    return f"Unknown key `{key}`{suggest(key, SETTINGS, '`{}`') or all_keys}."


def _under(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    split = {key.partition("."): value for key, value in values.items()}
    return {name: value for (owner, dot, name), value in split.items() if dot and owner == section}


def _toml(value: str | bool | int | float) -> str:
    # JSON and TOML scalars look the same, except that JSON does not escape the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
