"""The pairs on which commands evaluate a model: those of a file, or the held-out ones."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from keras_attention.cli.arguments import read_settings
from keras_attention.errors import InputError
from keras_attention.text.source_features import add_features
from keras_attention.training.data.data_paths import literal
from keras_attention.training.data.pairs import Pair, read_pairs
from keras_attention.training.recipe.data_config import FILE_FORMATS, DataConfig
from keras_attention.training.run.held_out import read_held_out
from keras_attention.translation.folders.model_paths import check_model_path

_READING = ("delimiter", "header", "source_column", "target_column")
"""Settings of the section `data` that define how a file of pairs is read."""


def evaluation_pairs(
    model: Path,
    data: Path | None = None,
    data_format: str = "tsv",
    target: Path | None = None,
    settings: Sequence[str] = (),
    features: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Pair], set[str]]:
    """Return the pairs of a file, or the held-out pairs of the model's recipe.

    Print a note on standard error if the data has changed since training.

    Args:
        model: a model's folder, or a checkpoint in it.
        data: the file of pairs. Default: the held-out pairs.
        data_format: one of `FILE_FORMATS`.
        target: the file of the targets, for the format "parallel".
        settings: settings of `data` for reading the file, each as "key=value".
        features: values of source features by name, for sources of the file that do not carry them.

    Returns:
        The pairs, and the set of their sources that the training pairs contain too (empty for a
        file).
    """
    if data_format not in FILE_FORMATS:
        raise InputError(
            f"--format must be one of {', '.join(FILE_FORMATS)}. Received: --format {data_format}."
        )
    if (data_format == "parallel") != (target is not None):
        raise InputError(
            "--format parallel and --target FILE require each other. "
            f"Received: --format {data_format}" + (f" --target {target}." if target else " alone.")
        )
    if data is not None:
        return _pairs_of_file(data, data_format, target, settings, features), set()
    options = {"--set": [*settings], "--format": [data_format][data_format == "tsv" :]}
    for option, values in options.items():
        if values:
            raise InputError(
                f"{option} requires a file of pairs. Received: {option} {values[0]} alone."
            )
    for name, value in features.items():
        raise InputError(
            "--feature requires a file of pairs; the held-out pairs carry their features. "
            f"Received: --feature {name}={value} alone."
        )
    return held_out_pairs(model)


def shared_pairs(models: Sequence[Path]) -> tuple[list[Pair], set[str]]:
    """Return the held-out pairs of all models, and the sources that any of them was trained on."""
    pairs, seen = held_out_pairs(models[0])
    for model in models[1:]:
        others, trained_on = held_out_pairs(model)
        if others != pairs:
            raise InputError(
                f"{model}: the held-out pairs differ from those of {models[0]}; give a file with "
                "--data, or choose a run with --held-out-of."
            )
        seen |= trained_on
    return pairs, seen


def _pairs_of_file(
    data: Path,
    data_format: str,
    target: Path | None,
    settings: Sequence[str],
    features: Mapping[str, str],
) -> list[Pair]:
    paths = {"path": literal(str(data)), "target_path": literal(str(target or ""))}
    options = read_settings(settings, _READING)
    pairs = read_pairs(DataConfig(format=data_format, **options, **paths))
    sources = add_features([source for source, _ in pairs], features)
    return [(source, target) for source, (_, target) in zip(sources, pairs, strict=True)]


def held_out_pairs(
    model: Path, advice: str = "give a file of pairs"
) -> tuple[list[Pair], set[str]]:
    """Return the held-out pairs of a model's recipe, as `evaluation_pairs` does.

    Args:
        model: a model's folder, or a checkpoint in it.
        advice: what to do if there are none, for the error.
    """
    check_model_path(model)
    folder = find_run(model)
    if folder is None:
        raise InputError(
            f"{model}: has no recipe.toml, so its held-out pairs are not known; {advice}."
        )
    held_out = read_held_out(folder)
    if not held_out.pairs:
        raise InputError(f"{folder}: its recipe holds out no pairs; {advice}.")
    if held_out.note:
        print(f"note: {held_out.note}", file=sys.stderr)
    return held_out.pairs, held_out.seen


def advise_to_evaluate(folder: Path, data: DataConfig) -> str:
    """Return the advice to evaluate a model that was trained on some data into a folder."""
    command = f"keras-attention evaluate {shlex.quote(str(folder))}"
    if data.held_out or data.validation_path:
        return f"Next: {command}"
    return f"Next, with a file of other pairs: {command} --data FILE"


def find_run(model: Path) -> Path | None:
    """Return the run folder of a model, a checkpoint or an export; None if there is none."""
    folder = model if model.is_dir() else model.parent
    found = (each for each in (folder, folder.parent) if (each / "recipe.toml").is_file())
    return next(found, None)


def same_run(models: Sequence[Path]) -> bool:
    """Return whether all models are in the same run folder."""
    return len({(find_run(model) or model).resolve() for model in models}) == 1
