"""The runs of a comparison, one per variant and seed, and their results on disk."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.folder_lock import check_unlocked
from keras_attention.files.path_errors import not_writable
from keras_attention.files.schema import (
    JsonFile,
    dictionary_of,
    format_json,
    integer,
    list_of,
    nullable,
    optional,
    real,
    text,
)

from ..data.data_paths import with_absolute_paths
from ..evaluation.by_length import wanted_lengths
from ..recipe.recipe import Recipe, parse_recipe
from ..run.fingerprints import FINGERPRINT, Fingerprint, changed_file
from ..run.run_data import read_run_data
from ..run.run_files import DATA_FILE, TRAIN_LOCK
from ..run.run_folder import RunFolder
from .variants import Variant


@dataclass(frozen=True)
class Run:
    """One training run of a comparison.

    Next to the run folder `NAME` are `NAME.toml`, the recipe; `NAME.log`, the output of the run;
    and `NAME.json`, its `Result`.

    Attributes:
        label: the label of the variant.
        recipe: the recipe to train, including the seed.
        folder: the run folder.
    """

    label: str
    recipe: Recipe
    folder: Path

    @property
    def recipe_file(self) -> Path:
        """The path of the recipe."""
        return self._neighbour_path(".toml")

    @property
    def result_file(self) -> Path:
        """The path of the result."""
        return self._neighbour_path(".json")

    @property
    def log_file(self) -> Path:
        """The path of the run's output."""
        return self._neighbour_path(".log")

    @property
    def all_files(self) -> tuple[Path, ...]:
        """The paths of the run's files and of the run folder."""
        return self.result_file, self.recipe_file, self.log_file, self.folder

    def _neighbour_path(self, suffix: str) -> Path:
        return self.folder.with_name(self.folder.name + suffix)


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        recipe: the resolved recipe, as TOML.
        metric: the name of the metric.
        value: the held-out value of the kept model, which is the best one; None if no pairs are
            held out.
        curve: the held-out value of every validation.
        parameters: number of parameters of the model.
        minutes: time of training and validation.
        tokens_per_second: target tokens per second in training steps.
        jobs: number of runs that shared the machine.
        alignment: `aer`, `precision` and `recall`; empty if the task has no gold alignments, None
            before the measurement.
        lengths: `pairs`, `value` and `errors`, by the name of the length; see `score_lengths`.
        files: fingerprints of the data files that the run was trained with, as in `RunData`.
    """

    recipe: str
    metric: str
    value: float | None
    curve: tuple[float, ...]
    parameters: int
    minutes: float | None
    tokens_per_second: float | None
    jobs: int = 1
    alignment: dict[str, float] | None = None
    lengths: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Fingerprint] = field(default_factory=dict)

    def save(self, run: Run) -> None:
        """Write the result next to the run folder, completely or not at all."""
        write_file(run.result_file, format_json(asdict(self)))


_RESULT = JsonFile(
    "the result that `compare` writes",
    {
        "recipe": text(),
        "metric": text(),
        "value": nullable(real()),
        "curve": list_of(real()),
        "parameters": integer(0),
        "minutes": nullable(real()),
        "tokens_per_second": nullable(real()),
        "jobs": optional(integer(1)),
        "alignment": optional(nullable(dictionary_of(real()))),
        "lengths": optional(dictionary_of(dictionary_of(nullable(real())))),
        "files": optional(dictionary_of(FINGERPRINT)),
    },
    finite=False,
)


def plan_runs(variants: Sequence[Variant], seeds: int, folder: Path) -> list[Run]:
    """Return the runs of a comparison, with the seeds of a variant next to each other.

    Args:
        variants: the variants to compare.
        seeds: number of runs of each variant; the first has the seed of the recipe, the second the
            next seed, and so on.
        folder: the folder that contains the run folders.
    """
    runs = []
    for variant in variants:
        if seeds > 1 and variant.recipe.training.seed:
            raise InputError(
                f"{variant.label}: several seeds require training.seed=0, so that the initial "
                f"weights of the runs differ. Received: training.seed="
                f"{variant.recipe.training.seed} and {seeds} seeds."
            )
        recipe = with_absolute_paths(variant.recipe)
        for seed in range(recipe.seed, recipe.seed + seeds):
            name = f"{_file_name(variant.label)}-seed{seed}"
            runs.append(Run(variant.label, replace(recipe, seed=seed), folder / name))
    _check_folders(runs)
    return runs


def read_result(run: Run) -> Result | None:
    """Return the result of a run; None if it has not finished or had a different recipe."""
    if not run.result_file.exists():
        return None
    try:
        values = _RESULT.parse(read_artefact(run.result_file), str(run.result_file))
        files = {key: Fingerprint(**value) for key, value in values.get("files", {}).items()}
    except InputError as error:
        raise InputError(f"{error} Remove the file to measure the run again.") from None
    known = {name: values[name] for name in _RESULT.keys if name in values}
    result = Result(**{**known, "curve": tuple(values["curve"]), "files": files})
    try:
        # Compare recipes, not texts: an older text lacks new settings, which parsing adds.
        same = parse_recipe(result.recipe, run.result_file) == run.recipe
    except InputError:
        return None
    return result if same else None


def other_data(run: Run) -> str:
    """Return the path of a file that has changed since the run was started, or "" if none has.

    A run that was resumed with changed data counts as changed, even if the files have been restored
    since.
    """
    result, data = read_result(run), read_run_data(run.folder)
    files = data.files if data else result.files if result else {}
    if data is not None and data.changed:
        return next((known.path for known in files.values()), DATA_FILE)
    known = data is not None or bool(files)
    return changed_file(run.recipe, files) if known else ""


def set_aside(runs: Sequence[Run], folder: Path) -> Path:
    """Move runs with all their files into a new folder `other-data-N`, and return it."""
    for run in runs:
        check_unlocked(run.folder, TRAIN_LOCK)
    numbers = (folder / f"other-data-{number}" for number in itertools.count(1))
    new = next(path for path in numbers if not path.exists())
    try:
        new.mkdir()
        for path in [path for run in runs for path in run.all_files if path.exists()]:
            path.rename(new / path.name)
    except OSError as error:
        raise not_writable(new, error) from error
    return new


def is_complete(run: Run, lengths: Sequence[int] = ()) -> bool:
    """Return whether a run is trained, and measured at these lengths."""
    result = read_result(run)
    if result is None or result.alignment is None:
        return False
    return set(wanted_lengths(run.recipe, lengths)) <= set(result.lengths)


def _check_folders(runs: Sequence[Run]) -> None:
    """Check that each run can be started or continued."""
    taken: dict[Path, str] = {}
    for run in runs:
        if run.folder in taken:
            raise InputError(
                f"{run.folder}: expected a folder for each variant. Received: the same one for "
                f"`{taken[run.folder]}` and `{run.label}`."
            )
        taken[run.folder] = run.label
        folder = RunFolder(run.folder)
        if folder.recipe_file.is_file():
            folder.check_same(run.recipe)
        else:
            folder.check_free()


def _file_name(label: str) -> str:
    return re.sub(r"[^\w.=+-]", "-", label)
