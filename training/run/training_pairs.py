"""The training pairs of a run, read from its data again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from keras_attention.translation.folders.ensemble_folder import member_folders

from ..data.pairs import Pair, split_pairs
from ..data.stored_pairs import join_pairs
from .origin import read_origin
from .resumed_pairs import split_again
from .run_data import load_run_recipe, read_run_data


def read_training_pairs(folder: str | os.PathLike[str]) -> Sequence[Pair]:
    """Return the training pairs of a run, with those that a fine-tuned run replays.

    All members of an ensemble made by `train --seeds` have the same training pairs.

    Raises:
        InputError: If the data cannot be read or has changed since the run was started, or a file
            of the run folder is damaged.
    """
    folder = member_folders(Path(folder))[0]
    recipe, data = load_run_recipe(folder), read_run_data(folder)
    if data is None:  # an older version stored no data
        return split_pairs(recipe.data, recipe.seed)[0]
    pairs, _ = split_again(recipe, data, accept_changes=False, with_embeddings=False)
    origin = read_origin(folder)
    return join_pairs(pairs, origin.replayed) if origin is not None else pairs
