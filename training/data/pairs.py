"""The pairs of a recipe, read from files or generated, and split into training and held-out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

import numpy as np

from keras_attention.errors import InputError
from keras_attention.text.source_features import add_features

from ..recipe.data_config import RECORDS, DataConfig
from ..tasks.dates import generate_dates
from ..tasks.synthetic import TASKS, generate
from .data_paths import find_files
from .data_store import DataStore
from .languages import each_language, given_features
from .pair_files import Pair as Pair
from .pair_files import read_dates_file, read_parallel, read_table
from .records import read_records
from .stored_pairs import collect_pairs, take_rows
from .tables import Layout

_Row = TypeVar("_Row")


def read_pairs(config: DataConfig, seed: int = 1, store: DataStore | None = None) -> Sequence[Pair]:
    """Read the training file of a recipe, or generate the pairs if there is no file.

    Args:
        config: The recipe's `[data]` section. Its `validation_path` is not read; see
            `split_pairs`.
        seed: Seed of generated pairs.
        store: Where large data is kept for the next start. Default: temporary files.

    Returns:
        All pairs in the order of the file, or of the files of all languages: a list, or, if they
        have more characters than `in_memory` allows, a sequence that reads a file.

    Raises:
        InputError: If a path is missing or does not fit the format, or a file cannot be used.
    """
    if config.format == "dates" and not config.path:
        return generate_dates(config.size, seed)
    if config.format in TASKS and not config.path:
        lengths = {"shortest": config.shortest, "longest": config.longest}
        return generate(config.format, config.size, seed, **lengths)
    pairs = _read(config, "path", "target_path")
    return store.read_pairs(config, pairs) if store else collect_pairs(pairs, config.in_memory)


def split_pairs(
    config: DataConfig, seed: int, store: DataStore | None = None
) -> tuple[Sequence[Pair], list[Pair]]:
    """Return the training pairs and the held-out pairs.

    If the recipe has a validation file, its pairs are held out. Otherwise the pairs are shuffled
    by the seed, and `held_out` of them are held out; a source that occurs twice can then be in
    both lists.

    Args:
        config: The recipe's `[data]` section.
        seed: Seed of the shuffle and of generated pairs.
        store: Where large data is kept for the next start. Default: temporary files.

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
    pairs = read_pairs(config, seed, store)
    if config.validation_path:
        return pairs, list(_read(config, "validation_path", "validation_target_path"))
    if config.held_out >= len(pairs):
        raise InputError(
            f"`data.held_out` must be below the number of pairs, {len(pairs)}. "
            f"Received: data.held_out={config.held_out}."
        )
    training, held_out = split_rows(pairs, config, seed)
    return training, list(held_out)


def split_rows(
    rows: Sequence[_Row], config: DataConfig, seed: int
) -> tuple[Sequence[_Row], Sequence[_Row]]:
    """Split rows into those of the training pairs and those of the held-out pairs.

    Args:
        rows: One row for each pair of the training file, in its order.
        config: The recipe's `[data]` section.
        seed: Seed of the shuffle.
    """
    if config.validation_path:
        return rows, []
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    parts = shuffled[config.held_out :], shuffled[: config.held_out]
    return take_rows(rows, parts[0]), take_rows(rows, parts[1])


def _read(config: DataConfig, path_key: str, target_key: str) -> Iterator[Pair]:
    if config.format in TASKS:
        raise InputError(
            f"`data.{path_key}` must be empty for data.format={config.format!r}, whose pairs are "
            f"generated. Received: data.{path_key}={getattr(config, path_key)!r}."
        )
    read = [_read_one(each, path_key, target_key) for each in each_language(config)]
    if path_key == "path":
        return chain.from_iterable(read)
    # Some checks use only the first pairs, so take the pairs of all languages in turn.
    turns = chain.from_iterable(zip_longest(*read))
    return (pair for pair in turns if pair is not None)


def _read_one(config: DataConfig, path_key: str, target_key: str) -> Iterator[Pair]:
    """Return the pairs of one language, with their features before the sources."""
    pairs, features = _read_files(config, path_key, target_key), given_features(config)
    if not features:
        return pairs
    return ((add_features([source], features)[0], target) for source, target in pairs)


def _read_files(config: DataConfig, path_key: str, target_key: str) -> Iterator[Pair]:
    """Return the pairs of one language, from a file or from all files that match a pattern."""
    paths, target_paths = find_files(config, path_key), find_files(config, target_key)
    if not paths:
        raise InputError(
            f"`data.{path_key}` must name a file for data.format={config.format!r}. "
            f"Received: data.{path_key}=''."
        )
    if bool(target_paths) != (config.format == "parallel"):
        raise InputError(
            f"`data.{target_key}` must name a file for data.format='parallel', and must be empty "
            f"for other formats. Received: data.format={config.format!r}, "
            f"data.{target_key}={getattr(config, target_key)!r}."
        )
    if config.format != "parallel":
        return chain.from_iterable(_read_file(path, config) for path in paths)
    if len(paths) != len(target_paths):
        raise InputError(
            f"`data.{path_key}` and data.{target_key} must match the same number of files. "
            f"Received: {len(paths)} and {len(target_paths)} files."
        )
    files = zip(paths, target_paths, strict=True)
    return chain.from_iterable(read_parallel(*both) for both in files)


def _read_file(path: str, config: DataConfig) -> Iterator[Pair]:
    if config.format == "dates":
        return read_dates_file(path)
    if config.format in RECORDS:
        return read_records(path, config)
    return read_table(path, Layout.of(config))
