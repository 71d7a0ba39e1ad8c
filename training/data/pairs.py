"""The pairs of a recipe: read from its files or made in memory, and split in two parts."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from keras_attention.errors import InputError

from ..recipe.sections import DataConfig
from ..tasks.dates import generate_dates
from ..tasks.synthetic import TASKS, generate
from .data_paths import find_file
from .pair_files import Pair as Pair
from .pair_files import read_dates_file, read_parallel, read_table
from .tables import Layout

_Row = TypeVar("_Row")


def read_pairs(config: DataConfig, seed: int = 1) -> list[Pair]:
    """Reads the training file of a recipe, or makes the pairs where the recipe names none.

    Args:
        config: What to read. `validation_path` is left to `split_pairs`.
        seed: Seed of pairs made in memory.

    Returns:
        All pairs in the order of the file.

    Raises:
        InputError: If a path is missing or not due, or a file cannot be used.
    """
    if config.format == "dates" and not config.path:
        return generate_dates(config.size, seed)
    if config.format in TASKS and not config.path:
        lengths = {"shortest": config.shortest, "longest": config.longest}
        return generate(config.format, config.size, seed, **lengths)
    return _read(config, "path", "target_path")


def split_pairs(config: DataConfig, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Returns the pairs to train on and the pairs held out.

    Where the recipe names a validation file, that is what is held out. Otherwise `held_out` pairs
    are taken after a shuffle by the seed. A source that comes twice may then stand on both sides.

    Args:
        config: What to read and how much to hold out.
        seed: Seed of the shuffle and of pairs made in memory.

    Returns:
        Two lists of pairs: training, held out.

    Raises:
        InputError: If a file cannot be used, or holding out would leave nothing to train on.
    """
    if config.validation_target_path and not config.validation_path:
        raise InputError("`data.validation_target_path` needs `data.validation_path` beside it.")
    pairs = read_pairs(config, seed)
    if config.validation_path:
        return pairs, _read(config, "validation_path", "validation_target_path")
    if config.held_out >= len(pairs):
        raise InputError(
            f"`data.held_out` must be below the number of pairs, {len(pairs)}. "
            f"Received: data.held_out={config.held_out}."
        )
    return split_rows(pairs, config, seed)


def split_rows(rows: list[_Row], config: DataConfig, seed: int) -> tuple[list[_Row], list[_Row]]:
    """Returns what belongs to the training pairs and to those held out, as `split_pairs` cuts.

    Args:
        rows: One for each pair of the training file, in its order.
        config: What was read.
        seed: Seed of the shuffle.
    """
    if config.validation_path:
        return rows, []
    shuffled = [rows[index] for index in np.random.default_rng(seed).permutation(len(rows))]
    return shuffled[config.held_out :], shuffled[: config.held_out]


def _read(config: DataConfig, path_key: str, target_key: str) -> list[Pair]:
    if config.format in TASKS:
        raise InputError(
            f"`data.{path_key}` must be empty for data.format={config.format!r}, whose pairs are "
            f"made in memory. Received: data.{path_key}={getattr(config, path_key)!r}."
        )
    path, target_path = find_file(config, path_key), find_file(config, target_key)
    if not path:
        raise InputError(f"`data.{path_key}` must name a file for data.format={config.format!r}.")
    if bool(target_path) != (config.format == "parallel"):
        raise InputError(
            f"`data.{target_key}` must name a file for data.format='parallel', and for no other. "
            f"Received: data.format={config.format!r}, data.{target_key}={target_path!r}."
        )
    if config.format == "parallel":
        return read_parallel(path, target_path)
    if config.format == "dates":
        return read_dates_file(path)
    return read_table(path, Layout.of(config))
