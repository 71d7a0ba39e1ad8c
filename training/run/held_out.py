"""The held-out pairs of a run, read from its folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.translation.folders.ensemble_folder import member_folders

from ..data.data_paths import PAIR_KEYS
from ..data.pairs import Pair, split_pairs
from ..recipe.recipe import Recipe
from .fingerprints import changed_file
from .run_data import load_run_recipe, read_run_data
from .run_files import DATA_FILE


@dataclass(frozen=True)
class HeldOut:
    """The held-out pairs of a run.

    Attributes:
        pairs: sources and targets.
        seen: held-out sources that are also sources of training pairs.
        note: a sentence for the user about the pairs, or "".
    """

    pairs: list[Pair]
    seen: set[str]
    note: str = ""


def read_held_out(folder: str | os.PathLike[str], recipe: Recipe | None = None) -> HeldOut:
    """Return the held-out pairs of a run, even if its data files have changed since it started.

    A run folder of an older version does not store them; they are then split from the data again.
    All members of an ensemble must have the same pairs.
    """
    first, *others = member_folders(Path(folder))
    found = _of_run(first, recipe)
    for path in others:
        other = _of_run(path, recipe)
        if other.pairs != found.pairs:
            raise InputError(
                f"{path}: expected the same held-out pairs as in {first}, another member of the "
                "ensemble. Received: other pairs; give a file of pairs instead."
            )
        found = replace(found, seen=found.seen | other.seen, note=found.note or other.note)
    return found


def _of_run(folder: Path, recipe: Recipe | None) -> HeldOut:
    data = read_run_data(folder)
    recipe = load_run_recipe(folder) if recipe is None else recipe
    if data is None:
        training, pairs = split_pairs(recipe.data, recipe.seed)
        kept = {source for source, _ in pairs}
        note = (
            f"{os.fspath(folder)}: this run has no {DATA_FILE}, so its held-out pairs are split "
            "off the current data again."
        )
        return HeldOut(pairs, {source for source, _ in training} & kept, note)
    seen = {data.held_out[place][0] for place in data.seen}
    changed = changed_file(recipe, data.files, [f"data.{key}" for key in PAIR_KEYS])
    note = f"{changed}: changed since the run was started; the old held-out pairs are used."
    return HeldOut(data.held_out, seen, note if changed else "")
