"""The held-out pairs of a run, read from its folder."""

from __future__ import annotations

import os
from dataclasses import dataclass

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
    """Return the held-out pairs of a run, even if its data files have changed since.

    A run folder of an older version does not store them; they are then split from the data again.

    Args:
        folder: The run folder.
        recipe: The recipe of the run; default: the recipe in the folder.

    Raises:
        InputError: If a file of the run folder is damaged, or the data cannot be read again.
    """
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
    note = (
        f"{changed}: changed since the run was started; the held-out pairs are those of the start."
    )
    return HeldOut(data.held_out, seen, note if changed else "")
