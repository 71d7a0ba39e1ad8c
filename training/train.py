"""The training run: a recipe in, a run folder with a trained translator out.

The walk of a training pair, with the function that takes each step:

    line of a TSV file  read by `pair_files.read_table`
    -> pair             split from the held-out ones by `pairs.split_pairs`
    -> ids              `Tokenizer.encode`, called by `encoded_pairs.encode_pairs`
    -> batch            padded by `PairBatches.stream`, called by `recipe_batches.training_batches`
    -> model            `Seq2Seq.call`, built by `build.build_model`
    -> loss             `MaskedCrossentropy.call`
    -> gradient         `FusedAdam`, made by `optimizer.build_optimizer`; `model.fit` runs the steps
    -> validation       `Validate`, which decodes the held-out pairs; `KeepBest` saves the best
    -> checkpoint       `Checkpoint`, from which `prepare` resumes a run

`prepare` takes the steps up to the model, and `fit` the others.
"""

from __future__ import annotations

from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.translation.translator import Translator

from .data.data_paths import with_absolute_paths
from .fit import fit
from .prepare import prepare
from .recipe.recipe import Recipe
from .run.run_files import TRAIN_LOCK
from .run.run_folder import RunFolder


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    changed_data: bool = False,
) -> Translator:
    """Trains a recipe through `model.fit`.

    Equal recipes on equal versions and machines give equal weights, whether or not the run was
    killed and resumed in between.

    Args:
        recipe: what to train.
        folder: the run folder; see `RunFolder` for what it holds.
        resume: continue the run in `folder` after its last validation.
        overwrite: remove the run that is in `folder` first.
        changed_data: resume although the data has changed since the run was started. Tokenizers
            and held-out pairs stay; held-out pairs are removed from the new training pairs.

    Returns:
        The best translator, by the recipe's metric.

    Raises:
        InputError: if the data, the recipe or the folder cannot be used, the data has changed
            since the run was started, or another process trains in the folder.
        DivergedError: if training diverges; see `StopDiverged`.
    """
    recipe, run = with_absolute_paths(recipe), RunFolder(folder)
    if changed_data and not resume:
        raise InputError("--changed-data requires --resume.")

    def check_folder() -> None:
        if resume:
            run.check_same(recipe, overwrite=overwrite)
        else:
            run.check_free(overwrite=overwrite)

    if (run.path / TRAIN_LOCK).exists():
        with hold_folder(run.path, TRAIN_LOCK):  # says so if another process trains here
            pass
    check_folder()
    with hold_folder(run.path, TRAIN_LOCK):
        check_folder()  # once more: another process may have been at work until now
        prepared = prepare(recipe, run if resume else None, changed_data=changed_data)
        return fit(prepared, run, overwrite=overwrite)
