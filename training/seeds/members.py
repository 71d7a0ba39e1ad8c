"""The members of an ensemble that `train_seeds` trains, and the checks before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import check_unlocked
from keras_attention.translation.folders.ensemble_folder import is_ensemble, read_members

from ..recipe.recipe import Recipe
from ..run.fingerprints import changed_file
from ..run.run_data import read_run_data
from ..run.run_files import TRAIN_LOCK, check_ensemble_removable, is_run
from ..run.run_folder import RunFolder


@dataclass(frozen=True)
class Member:
    """One run of an ensemble.

    Attributes:
        seed: seed of its initial weights, shuffling and dropout.
        recipe: the recipe to train, with this seed.
        run: its run folder, in the ensemble's folder.
    """

    seed: int
    recipe: Recipe
    run: RunFolder

    @property
    def is_started(self) -> bool:
        """Whether its run can be resumed."""
        return self.run.recipe_file.is_file()


def plan_members(recipe: Recipe, folder: Path, seeds: int) -> list[Member]:
    """Return the members of an ensemble.

    The first member has the seed of the recipe, the second the next seed, and so on. All members
    share the recipe's pairs, held-out split and tokenizers.
    """
    if seeds < 2:
        raise InputError(f"an ensemble requires at least 2 seeds. Received: {seeds}.")
    first = recipe.training_seed
    return [
        Member(seed, _with_seed(recipe, seed), RunFolder(folder / f"seed-{seed}"))
        for seed in range(first, first + seeds)
    ]


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    own = 0 if seed == recipe.seed else seed
    return replace(recipe, training=replace(recipe.training, seed=own))


def check_free(folder: Path, *, overwrite: bool = False) -> None:
    """Check that a new ensemble can be started in a folder."""
    if not is_ensemble(folder):
        if is_run(folder):
            raise InputError(
                f"{folder}: expected a new or empty folder for the ensemble. Received: the run of "
                "a single model; choose another folder."
            )
        RunFolder(folder).check_free()
    elif not overwrite:
        raise InputError(
            f"{folder}: already has an ensemble; continue it with --resume, or start again with "
            "--seeds N --overwrite."
        )
    else:
        for name in read_members(folder):
            check_unlocked(folder / name, TRAIN_LOCK)
        check_ensemble_removable(folder)


def resume_members(
    recipe: Recipe, folder: Path, seeds: int | None, *, changed_data: bool = False
) -> list[Member]:
    """Return the members of an ensemble to continue, and check that they can be continued.

    Args:
        recipe: the recipe of the ensemble; the number of epochs may differ.
        folder: the ensemble's folder.
        seeds: number of members, at least as many as the ensemble has. Default: as many as it has.
        changed_data: whether the data may have changed.

    Raises:
        InputError: if there is no ensemble, it was started with a different recipe or more seeds,
            or a member is missing although the data may have changed.
    """
    if not is_ensemble(folder):
        raise InputError(f"{folder}: has no ensemble to resume; start one without --resume.")
    known = read_members(folder)
    members = plan_members(recipe, folder, seeds or len(known))
    planned = {member.run.path.name: member.seed for member in members}
    if list(planned.items())[: len(known)] != list(known.items()):
        raise InputError(
            f"{folder}: expected the seeds that the ensemble was started with, "
            f"{_listed(known.values())}, or more. Received: {_listed(planned.values())}."
        )
    for member in members:
        if member.is_started:
            member.run.check_same(member.recipe)
        elif changed_data:
            raise InputError(
                f"{member.run.path}: --changed-data requires that all members have been started, "
                "because a new one would have different tokenizers and held-out pairs. Received: a "
                "member that has not been started."
            )
        else:
            member.run.check_free()
    return members


def check_data(member: Member, others: Sequence[Member]) -> None:
    """Check that the data is the same as when the first member was started."""
    data = next((read_run_data(other.run.path) for other in others if other.is_started), None)
    changed = changed_file(member.recipe, data.files) if data else ""
    if changed:
        raise InputError(
            f"{changed}: changed since the first member of the ensemble was started; restore the "
            "old data and continue with --resume, or start again with --overwrite."
        )


def _listed(seeds: Iterable[int | None]) -> str:
    return ", ".join(map(str, seeds))
