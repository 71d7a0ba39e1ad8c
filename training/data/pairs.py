"""The pairs of a recipe, read from files or generated, and split into training and held-out."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TypeVar

import numpy as np

from keras_attention.errors import InputError
from keras_attention.text.source_features import add_features

from ..recipe.sections import RECORDS, DataConfig
from ..tasks.dates import generate_dates
from ..tasks.synthetic import TASKS, generate
from .data_paths import find_file
from .languages import each_language, given_features
from .pair_files import Pair as Pair
from .pair_files import read_dates_file, read_parallel, read_table
from .records import read_records
from .tables import Layout

_Row = TypeVar("_Row")


def read_pairs(config: DataConfig, seed: int = 1) -> list[Pair]:
    """Read the training file of a recipe, or generate the pairs if there is no file.

    Args:
        config: The recipe's `[data]` section. Its `validation_path` is not read; see
            `split_pairs`.
        seed: Seed of generated pairs.

    Returns:
        All pairs in the order of the file, or of the files of all languages.

    Raises:
        InputError: If a path is missing or does not fit the format, or a file cannot be used.
    """
    if config.format == "dates" and not config.path:
        return generate_dates(config.size, seed)
    if config.format in TASKS and not config.path:
        lengths = {"shortest": config.shortest, "longest": config.longest}
        return generate(config.format, config.size, seed, **lengths)
    return _read(config, "path", "target_path")


def split_pairs(config: DataConfig, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return the training pairs and the held-out pairs.

    If the recipe has a validation file, its pairs are held out. Otherwise the pairs are shuffled
    by the seed, and `held_out` of them are held out; a source that occurs twice can then be in
    both lists.

    Args:
        config: The recipe's `[data]` section.
        seed: Seed of the shuffle and of generated pairs.

    Returns:
        The training pairs and the held-out pairs.

    Raises:
        InputError: If a file cannot be used, or no pair would be left to train on.
    """
    if config.validation_target_path and not config.validation_path:
        raise InputError(
            "`data.validation_target_path` requires data.validation_path. "
            "Received: data.validation_path=''."
        )
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
    """Split rows into those of the training pairs and those of the held-out pairs.

    Args:
        rows: One row for each pair of the training file, in its order.
        config: The recipe's `[data]` section.
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
            f"generated. Received: data.{path_key}={getattr(config, path_key)!r}."
        )
    read = [_read_one(each, path_key, target_key) for each in each_language(config)]
    if path_key == "path":
        return list(chain.from_iterable(read))
    # Some checks use only the first pairs, so take pairs of all languages in turns.
    turns = chain.from_iterable(zip_longest(*read))
    return [pair for pair in turns if pair is not None]


def _read_one(config: DataConfig, path_key: str, target_key: str) -> list[Pair]:
    """Read the pairs of one language, and write their features before the sources."""
    pairs = _read_files(config, path_key, target_key)
    sources = add_features([source for source, _ in pairs], given_features(config))
    return [(source, target) for source, (_, target) in zip(sources, pairs, strict=True)]


def _read_files(config: DataConfig, path_key: str, target_key: str) -> list[Pair]:
    path, target_path = find_file(config, path_key), find_file(config, target_key)
    if not path:
        raise InputError(
            f"`data.{path_key}` must name a file for data.format={config.format!r}. "
            f"Received: data.{path_key}=''."
        )
    if bool(target_path) != (config.format == "parallel"):
        raise InputError(
            f"`data.{target_key}` must name a file for data.format='parallel', and must be empty "
            f"for other formats. Received: data.format={config.format!r}, "
            f"data.{target_key}={target_path!r}."
        )
    if config.format == "parallel":
        return read_parallel(path, target_path)
    if config.format == "dates":
        return read_dates_file(path)
    if config.format in RECORDS:
        return read_records(path, config)
    return read_table(path, Layout.of(config))
