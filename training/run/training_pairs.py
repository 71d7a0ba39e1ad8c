"""The training pairs of a run, read from its data again."""

from __future__ import annotations

import os

from ..data.pairs import Pair, split_pairs
from .resumed_pairs import split_again
from .run_data import load_run_recipe, read_run_data


def read_training_pairs(folder: str | os.PathLike[str]) -> list[Pair]:
    """Return the training pairs of a run.

    Args:
        folder: The run folder.

    Raises:
        InputError: If the data cannot be read or has changed since the run was started, or a file
            of the run folder is damaged.
    """
    recipe, data = load_run_recipe(folder), read_run_data(folder)
    if data is None:  # an older version stored no data
        return split_pairs(recipe.data, recipe.seed)[0]
    return split_again(recipe, data, accept_changes=False, with_embeddings=False)[0]
