"""A comparison on disk: a run for every variant and seed, and what came of it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.folder_lock import hold_folder
from keras_attention.files.schema import (
    JsonFile,
    dictionary_of,
    integer,
    list_of,
    nullable,
    optional,
    real,
    text,
)
from keras_attention.files.text_files import not_writable, write_atomically

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

    Beside the run folder `NAME` stand `NAME.toml`, what is to be trained; `NAME.log`, what the run
    printed; and `NAME.json`, its `Result`.

    Attributes:
        label: the variant's.
        recipe: what is trained, the seed among it.
        folder: the run folder.
    """

    label: str
    recipe: Recipe
    folder: Path

    @property
    def recipe_file(self) -> Path:
        """What is to be trained."""
        return self._neighbour_path(".toml")

    @property
    def result_file(self) -> Path:
        """What came of it."""
        return self._neighbour_path(".json")

    @property
    def log_file(self) -> Path:
        """What the run printed."""
        return self._neighbour_path(".log")

    @property
    def all_files(self) -> tuple[Path, ...]:
        """These files and the run folder."""
        return self.result_file, self.recipe_file, self.log_file, self.folder

    def _neighbour_path(self, suffix: str) -> Path:
        return self.folder.with_name(self.folder.name + suffix)


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        recipe: the resolved recipe, as TOML.
        metric: the metric's name.
        value: the best held-out value, that of the model which was kept; none without a held-out
            pair.
        curve: the held-out value of every validation.
        parameters: of the model.
        minutes: of training and validation.
        tokens_per_second: target tokens, in training steps.
        jobs: how many runs shared the machine.
        alignment: `aer`, `precision` and `recall`; empty where no alignment is known to be right;
            `None` until somebody measures.
        lengths: the length's name to `pairs`, `value` and `errors`; see `score_lengths`.
        files: fingerprints of the files that it was trained with, as in `RunData`.
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
        """Writes it beside the run folder, complete or not at all."""
        with write_atomically(run.result_file) as temporary_path:
            json_text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
            temporary_path.write_text(json_text + "\n", encoding="utf-8")


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
    """The runs of a comparison, all seeds of a variant together.

    Args:
        variants: what is compared.
        seeds: runs of each variant: with its recipe's seed, the next one, and so on.
        folder: where the run folders stand.

    Raises:
        InputError: if there are no such seeds, or a run that stands there is another's.
    """
    runs = []
    for variant in variants:
        recipe = with_absolute_paths(variant.recipe)
        for seed in range(recipe.seed, recipe.seed + seeds):
            name = f"{_file_name(variant.label)}-seed{seed}"
            runs.append(Run(variant.label, replace(recipe, seed=seed), folder / name))
    _check_folders(runs)
    return runs


def read_result(run: Run) -> Result | None:
    """What came of a run; `None` where it has not ended, or was of another recipe.

    Raises:
        InputError: if the file is damaged.
    """
    if not run.result_file.exists():
        return None
    try:
        values = _RESULT.parse(read_artefact(run.result_file), str(run.result_file))
        files = {key: Fingerprint(**value) for key, value in values.get("files", {}).items()}
    except InputError as error:
        raise InputError(f"{error} Remove it, and the run is measured again.") from None
    known = {name: values[name] for name in _RESULT.keys if name in values}
    result = Result(**{**known, "curve": tuple(values["curve"]), "files": files})
    try:
        # Not as texts: settings that are new since then have their defaults.
        same = parse_recipe(result.recipe, run.result_file) == run.recipe
    except InputError:
        return None
    return result if same else None


def other_data(run: Run) -> str:
    """Return the path of a file that has changed since the run was started, or "" if none has.

    A run that was resumed with changed data counts as changed even if the files are the same now.

    Raises:
        InputError: if a file of the run is damaged.
    """
    result, data = read_result(run), read_run_data(run.folder)
    files = data.files if data else result.files if result else {}
    if data is not None and data.changed:
        return next((known.path for known in files.values()), DATA_FILE)
    known = data is not None or bool(files)
    return changed_file(run.recipe, files) if known else ""


def set_aside(runs: Sequence[Run], folder: Path) -> Path:
    """Move runs with all their files into a new folder `other-data-N`, laid out like this one.

    Args:
        runs: the runs, one or more.
        folder: the folder of the comparison.

    Returns:
        The new folder.

    Raises:
        InputError: if another process trains one of the runs, or the folder cannot be written.
    """
    for run in runs:
        if (run.folder / TRAIN_LOCK).exists():
            with hold_folder(run.folder, TRAIN_LOCK):  # raises if another process trains there
                pass
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
    """Whether nothing of a run is left to be trained, or to be measured at these lengths."""
    result = read_result(run)
    if result is None or result.alignment is None:
        return False
    return set(wanted_lengths(run.recipe, lengths)) <= set(result.lengths)


def _check_folders(runs: Sequence[Run]) -> None:
    """Checks that each run can be started or continued."""
    taken: dict[Path, str] = {}
    for run in runs:
        if run.folder in taken:
            raise InputError(
                f"{run.folder}: `{taken[run.folder]}` and `{run.label}` would both be trained here."
            )
        taken[run.folder] = run.label
        folder = RunFolder(run.folder)
        if folder.recipe_file.is_file():
            folder.check_same(run.recipe)
        else:
            folder.check_free()


def _file_name(label: str) -> str:
    return re.sub(r"[^\w.=+-]", "-", label)
