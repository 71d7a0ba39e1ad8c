"""The training pairs of a run, read again: those of its start, or those of its changed data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.translation.folders.ensemble_folder import member_folders

from ..data.data_paths import EMBEDDING_KEYS, PATH_KEYS
from ..data.data_store import DataStore
from ..data.pairs import Pair, read_pairs, split_pairs
from ..data.stored_pairs import join_pairs, take_rows
from ..recipe.data_config import DataConfig
from ..recipe.recipe import Recipe
from .fingerprints import TEACHER_KEY, changed_file, teacher_files
from .origin import read_origin
from .run_data import RunData, digest_pairs, load_run_recipe, read_run_data


def split_again(
    recipe: Recipe,
    data: RunData,
    *,
    accept_changes: bool,
    with_embeddings: bool,
    store: DataStore | None = None,
) -> tuple[Sequence[Pair], RunData]:
    """Return the training pairs of a resumed run, and the current description of its data.

    Args:
        recipe: The recipe.
        data: The data that the run was started with.
        accept_changes: Whether files may have changed. The held-out pairs stay the same and are
            removed from the training pairs.
        with_embeddings: Whether the files of pretrained embeddings must be unchanged too, because
            they are read again.
        store: Where large training data is kept for the next start.
    """
    keys = [f"data.{key}" for key in PATH_KEYS]
    keys += [f"model.{key}" for key in EMBEDDING_KEYS] if with_embeddings else []
    keys += [key for key in data.files if key.startswith(TEACHER_KEY)]
    changed = changed_file(recipe, data.files, keys)
    if changed and not accept_changes:
        raise _changed_error(changed)
    if not changed:
        training = _split_as_before(recipe.data, recipe.seed, data, store)
        if training is not None:
            return training, data
        if not accept_changes:
            raise _changed_error(f"the pairs of data.format={recipe.data.format!r}")
    _check_changes(recipe)
    training = _without(read_pairs(recipe.data, recipe.seed, store), data.held_out)
    now = RunData.of(recipe, training, data.held_out)
    seen = sorted({*data.seen, *now.seen})
    return training, replace(now, files={**data.files, **now.files}, seen=seen, changed=True)


def read_training_pairs(folder: str | os.PathLike[str]) -> Sequence[Pair]:
    """Return the training pairs of a run, with those that a fine-tuned run replays.

    All members of an ensemble made by `train --seeds` have the same training pairs.
    """
    folder = member_folders(Path(folder))[0]
    recipe, data = load_run_recipe(folder), read_run_data(folder)
    if data is None:  # an older version stored no data
        return split_pairs(recipe.data, recipe.seed)[0]
    pairs, _ = split_again(recipe, data, accept_changes=False, with_embeddings=False)
    origin = read_origin(folder)
    return join_pairs(pairs, origin.replayed) if origin is not None else pairs


def check_same_teachers(recipe: Recipe, data: RunData) -> None:
    """Check that a resumed run has as many teachers as at its start.

    `split_again` compares their content. A missing teacher raises an error only when it is loaded.
    """
    before = sum(key.startswith(TEACHER_KEY) for key in data.files)
    now = teacher_files(recipe)
    if len(now) != before and all(path.is_file() for path in now):
        raise InputError(
            "`training.teachers` must name the teachers that the run was started with, which have "
            f"{before} model files. Received: {len(now)} model files."
        )


def _split_as_before(
    config: DataConfig, seed: int, data: RunData, store: DataStore | None
) -> Sequence[Pair] | None:
    """Return the training pairs, or `None` if these or the held-out pairs have changed."""
    if data.changed:
        training = _without(read_pairs(config, seed, store), data.held_out)
        same = True
    else:
        training, held_out = split_pairs(config, seed, store)
        same = held_out == data.held_out
    return training if same and digest_pairs(training) == data.training else None


def _changed_error(changed: str) -> InputError:
    return InputError(
        f"{changed}: changed since the run was started; restore the old data, start a new run in "
        "another folder, fine-tune this model there with `train --from`, or continue with the new "
        "data with `train --resume --changed-data`, which keeps the tokenizers and the held-out "
        "pairs."
    )


def _check_changes(recipe: Recipe) -> None:
    """Check that no setting depends on the old training pairs."""
    if recipe.training.schedule == "cosine":
        raise InputError(
            "--changed-data requires a training.schedule other than 'cosine', because a "
            "cosine schedule ends with the last step on the old data. "
            "Received: training.schedule='cosine'."
        )
    if recipe.training.guided_alignment and recipe.data.alignment_path:
        raise InputError(
            "--changed-data cannot be used with data.alignment_path, because it is unknown which "
            "lines belong to the remaining training pairs; start a new run. "
            f"Received: data.alignment_path={recipe.data.alignment_path!r}."
        )


def _without(pairs: Sequence[Pair], held_out: Sequence[Pair]) -> Sequence[Pair]:
    kept = set(held_out)
    left = take_rows(pairs, [place for place, pair in enumerate(pairs) if pair not in kept])
    if not left:
        raise InputError(
            "expected training pairs that are not held out. Received: only held-out pairs."
        )
    return left
