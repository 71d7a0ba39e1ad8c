"""Trains one recipe with several seeds, and averages the models' probabilities in an ensemble."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.files.path_errors import errors_of_writing
from keras_attention.translation.folders.ensemble_folder import (
    ENSEMBLE_FILE,
    is_ensemble,
    write_members,
)
from keras_attention.translation.translator import Translator

from ..assembly.teachers import check_output
from ..data.data_paths import teacher_paths, with_absolute_paths
from ..data.data_store import DataStore
from ..recipe.recipe import Recipe
from ..run.run_files import RECIPE_FILE, SEEDS_FILE, TRAIN_LOCK, remove_ensemble
from ..train import train
from .members import Member, check_data, check_free, plan_members, resume_members
from .seeds_report import measure_seeds

_logger = logging.getLogger(__name__)


def train_seeds(
    recipe: Recipe,
    folder: str | Path,
    seeds: int | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    changed_data: bool = False,
) -> Translator:
    """Train several seeds of a recipe one after the other, and return their ensemble.

    All members have the same training pairs, held-out pairs and tokenizers. They differ in initial
    weights, shuffling and dropout. The folder contains `ensemble.json`, which lists the members;
    `recipe.toml`; a run folder `seed-N` for each member; and, at the end, `seeds.json` with the
    metric of each member and of the ensemble. `Translator.load` reads the folder as an ensemble.

    Args:
        recipe: the recipe to train. The first member has its seed, the second the next seed, and
            so on.
        folder: the ensemble's folder.
        seeds: number of members, at least 2. With `resume`, by default as many as the ensemble was
            started with; a larger number adds members.
        resume: whether to continue the ensemble in `folder`. A member that was interrupted
            continues after its last validation, and missing members are trained.
        overwrite: whether to delete an existing ensemble in `folder` first.
        changed_data: whether to resume even if the data has changed, as in `train`.

    Returns:
        The ensemble, which searches with the settings of the recipe.

    Raises:
        InputError: if the data, the recipe or the folder cannot be used, the data has changed
            since the first member was started, or another process is training in the folder.
        DivergedError: if the training of a member diverges; the earlier members are kept.

    Reference:
        Hansen and Salamon (1990), "Neural network ensembles",
        https://doi.org/10.1109/34.58871; Sutskever et al. (2014), section 3.6,
        https://arxiv.org/abs/1409.3215
    """
    recipe, folder = with_absolute_paths(recipe), Path(folder)
    if changed_data and not resume:
        raise InputError("--changed-data requires --resume.")
    if overwrite and resume:
        raise InputError("--resume keeps a run and --overwrite removes it; choose one of them.")
    check_output(teacher_paths(recipe.training), folder)

    def checked_members() -> list[Member]:
        if resume:
            return resume_members(recipe, folder, seeds, changed_data=changed_data)
        check_free(folder, overwrite=overwrite and seeds is not None)
        return plan_members(recipe, folder, seeds or 0)

    if not (folder / TRAIN_LOCK).exists():
        checked_members()  # before the folder is created
    with hold_folder(folder, TRAIN_LOCK):
        members = checked_members()
        with errors_of_writing(folder):
            _start(recipe, members, folder, overwrite=overwrite)
        try:
            store = DataStore.beside(folder).path  # the members have the same training data
            _train(members, store, resume=resume, changed_data=changed_data)
        finally:
            if not any(member.is_started for member in members):
                for name in (RECIPE_FILE, ENSEMBLE_FILE):
                    (folder / name).unlink(missing_ok=True)
        translator = Translator.load(folder)
        with errors_of_writing(folder):
            measure_seeds(recipe, members, translator, folder).save(folder)
    return translator


def _start(recipe: Recipe, members: Sequence[Member], folder: Path, *, overwrite: bool) -> None:
    """Write the files that exist before the first member is trained."""
    if overwrite and is_ensemble(folder):
        remove_ensemble(folder)
    (folder / SEEDS_FILE).unlink(missing_ok=True)
    write_members(folder, {member.run.path.name: member.seed for member in members})
    recipe.save(folder / RECIPE_FILE)


def _train(members: Sequence[Member], store: Path, *, resume: bool, changed_data: bool) -> None:
    """Train each member, or continue it."""
    for number, member in enumerate(members, start=1):
        started = resume and member.is_started
        if not started:
            check_data(member, members)
        _logger.info("seed %d (%d of %d)", member.seed, number, len(members))
        train(
            member.recipe,
            member.run.path,
            resume=started,
            changed_data=changed_data and started,
            store=store,
        )
