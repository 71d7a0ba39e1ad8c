"""The run folder: the files of a training run, and the checks before it starts or resumes."""

from __future__ import annotations

import csv
import os
import platform
import re
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from keras_attention._version import __version__
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically, write_file
from keras_attention.files.number_table import COUNTS, MISSING, read_numbers
from keras_attention.files.path_errors import not_writable
from keras_attention.files.schema import format_json
from keras_attention.files.workspaces import find_leftovers
from keras_attention.translation.file_names import MODEL_FILE

from ..data.data_paths import literal
from ..metrics.text_metrics import higher_is_better
from ..recipe.recipe import Recipe
from .run_data import PATHS, PLACES, changed_lines, load_run_recipe, read_run_data
from .run_files import (
    DISTILLATION_FILE,
    DISTILLED_FILE,
    DISTILLED_HELD_OUT_FILE,
    PACKAGE,
    RECIPE_FILE,
    TRAIN_LOCK,
    VERSIONS_FILE,
    check_removable,
    is_run,
    remove_run,
)

_CHECKPOINT = re.compile(r"epoch-(\d+)\.keras")
_PACKAGES = ("keras", "tensorflow", "numpy", "sentencepiece")


class RunFolder:
    """Paths and small files of one run.

    The folder contains:

    - the best model so far: `model.keras`, its tokenizers and, after training, `short_list.npz` if
      the recipe sets one;
    - `recipe.toml` with all settings, and `versions.json`;
    - `data.json` and `held_out.jsonl` (see `RunData`), and `origin.json` (see `Origin`);
    - after `distill`, the record `distillation.json` (see `Distillation`) and the student's pairs,
      `distilled.tsv` and `distilled_held_out.tsv`;
    - `metrics.csv`, `times.csv` (see `Stopwatch`) and `logs/` for TensorBoard;
    - `checkpoints/epoch-NNNN.keras` with the optimizer: the last one, or as many as the recipe
      averages.

    With `training.validate_every`, one validation interval counts as an epoch here; `metrics.csv`
    has the step too.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.recipe_file = self.path / RECIPE_FILE
        self.metrics_file = self.path / "metrics.csv"
        self.versions_file = self.path / VERSIONS_FILE
        self.logs = self.path / "logs"
        self.checkpoints = self.path / "checkpoints"

    def check_free(self, recipe: Recipe | None = None, *, overwrite: bool = False) -> None:
        """Check that a new run can be started here.

        Args:
            recipe: the recipe to train. It may read the distilled pairs in this folder.
            overwrite: whether an existing run may be removed.

        Raises:
            InputError: if the folder already has a run, or other files. With `overwrite`, if it
                has a file that does not belong to a run.
        """
        if is_run(self.path) or (overwrite and self.recipe_file.is_file()):
            if not (overwrite or self._nothing_trained(recipe)):
                if (self.path / DISTILLATION_FILE).is_file() and not self.recipe_file.is_file():
                    problem = "has an unfinished run; continue it with `distill --resume`, or"
                elif self.recipe_file.is_file():
                    problem = "already has a run; continue it with --resume, or"
                else:
                    problem = f"has a run without its {RECIPE_FILE};"
                raise InputError(f"{self.path}: {problem} start again with --overwrite.")
            check_removable(self.path)
        elif self.path.is_file() or (self.path.is_dir() and self._other_files()):
            received = "a file" if self.path.is_file() else "a folder with other files"
            raise InputError(
                f"{self.path}: expected a new or empty folder for the run. Received: {received}."
            )

    def check_same(self, recipe: Recipe, *, overwrite: bool = False) -> None:
        """Check that the run to resume was started from this recipe.

        Args:
            recipe: the recipe to train.
            overwrite: whether the user asked to remove the run, which contradicts resuming it.

        Raises:
            InputError: if there is no run, or its recipe differs. The number of epochs may differ,
                unless the schedule depends on it.
        """
        if overwrite:
            raise InputError("--resume keeps a run and --overwrite removes it; choose one of them.")
        if not self.recipe_file.is_file():
            raise InputError(f"{self.path}: has no run to resume; start one without --resume.")
        epochs_fixed = recipe.training.schedule == "cosine"
        has_fingerprints = read_run_data(self.path) is not None
        for name, old, new in changed_lines(load_run_recipe(self.path), recipe):
            same_kind = old.endswith(' = ""') == new.endswith(' = ""')  # both are set, or neither
            moved = name in PLACES or (has_fingerprints and name in PATHS and same_kind)
            if not moved and (epochs_fixed or name != "epochs"):
                reason = ", and a cosine schedule ends with its last epoch" * (name == "epochs")
                raise InputError(
                    f"{self.recipe_file}: the run was started with `{old}`{reason}; "
                    f"{self._other_settings()}. Received: `{new}`."
                )

    def _other_settings(self) -> str:
        """Return advice about settings that differ from those of the run."""
        if not self.all_checkpoints():
            return (
                "nothing has been trained yet, so start again with --overwrite or in another folder"
            )
        return (
            f"to keep its settings, run `keras-attention train {self.path} --resume`; to change "
            "them, start a new run in another folder"
        )

    def start(
        self,
        recipe: Recipe,
        epochs_done: int = 0,
        *,
        overwrite: bool = False,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Write the files that exist before the first step, or before a resumed run continues.

        The recipe is written last: if it is missing, nothing has been trained.

        Args:
            recipe: the recipe to train.
            epochs_done: epochs up to the last checkpoint; later ones are trained again.
            overwrite: whether to remove an existing run first.
            files: contents by name of the other files that a resumed run needs: its data and its
                tokenizers.

        Raises:
            InputError: if the folder cannot be written.
        """
        if is_run(self.path) and (overwrite or self._nothing_trained(recipe)):
            check_removable(self.path)
            remove_run(self.path, keep=self._distilled_data(recipe))
        self._check_folders()
        self._remove_leftovers()
        self._write_versions()
        for name, file_bytes in files.items():
            write_file(self.path / name, file_bytes)
        recipe.save(self.recipe_file)
        self._trim_metrics(epochs_done)

    def start_distillation(self) -> None:
        """Remove an existing run, and make the folder a run folder for a student's pairs.

        Raises:
            InputError: if the folder cannot be written.
        """
        if is_run(self.path):
            check_removable(self.path)
            remove_run(self.path)
        self._write_versions()

    def last_checkpoint(self) -> tuple[int, Path | None]:
        """Return the number of epochs done, and the checkpoint after the last of them."""
        return max(self.all_checkpoints(), default=(0, None))

    def all_checkpoints(self) -> list[tuple[int, Path]]:
        """Return the number of epochs done and the path of each checkpoint, in order."""
        found = ((path, _CHECKPOINT.fullmatch(path.name)) for path in self.checkpoints.glob("*"))
        return sorted((int(match[1]), path) for path, match in found if match)

    def checkpoint(self, epochs_done: int) -> Path:
        """Return the path of the checkpoint after a number of epochs."""
        return self.checkpoints / f"epoch-{epochs_done:04d}.keras"

    def drop_checkpoints(self, *, keep: int) -> None:
        """Remove all checkpoints except for the last `keep`."""
        for _, path in self.all_checkpoints()[:-keep]:
            path.unlink()

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of `metrics.csv`, one per epoch, without metrics that were not computed.

        Raises:
            InputError: if the file is damaged.
        """
        return read_numbers(self.metrics_file)[1]

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric so far, without epochs that did not compute it."""
        return [row[metric] for row in self.metrics() if metric in row]

    def best_row(self, metric: str) -> dict[str, float] | None:
        """Return the row of `metrics.csv` of the model that is kept, or None if there is none.

        It has the best value of the metric and, among equal ones, the lowest held-out loss.
        """
        name, sign = f"val_{metric}", 1 if higher_is_better(metric) else -1
        return max(
            (row for row in self.metrics() if name in row),
            key=lambda row: (sign * row[name], -row.get("val_loss", 0.0)),
            default=None,
        )

    def _nothing_trained(self, recipe: Recipe | None = None) -> bool:
        """Return whether removing this run would lose nothing, for example if its start was killed.

        The teachers' outputs of a distillation would be lost, unless the recipe trains on them:
        then they are kept.
        """
        trained = self.all_checkpoints() or (self.path / MODEL_FILE).is_file()
        outputs = (self.path / DISTILLATION_FILE).is_file() and not self._distilled_data(recipe)
        return not (trained or outputs or self.recipe_file.is_file())

    def _distilled_data(self, recipe: Recipe | None) -> set[Path]:
        """Return the files that `distill` wrote here, if the recipe trains on them."""
        path = literal(os.path.abspath(self.path / DISTILLED_FILE))
        if recipe is None or recipe.data.path != path:
            return set()
        names = DISTILLATION_FILE, DISTILLED_FILE, DISTILLED_HELD_OUT_FILE
        return {self.path / name for name in names}

    def _write_versions(self) -> None:
        if not self.versions_file.exists():
            versions = {
                PACKAGE: __version__,
                **{name: metadata.version(name) for name in _PACKAGES},
                "python": platform.python_version(),
            }
            write_file(self.versions_file, format_json(versions))

    def _check_folders(self) -> None:
        """Check that no file has the name of a folder that is needed."""
        logs = (self.logs / name for name in ("train", "validation", "samples"))
        for path in (self.checkpoints, self.logs, *logs):
            if os.path.lexists(path) and not path.is_dir():
                raise not_writable(path, "Not a directory")

    def _other_files(self) -> set[Path]:
        """Return the files in the folder, except for locks and leftovers of killed processes."""
        ignored = {*find_leftovers(self.path), self.path / TRAIN_LOCK}
        return set(self.path.iterdir()) - ignored

    def _remove_leftovers(self) -> None:
        """Remove leftovers of killed processes in the folder and its subfolders."""
        for root, folders, _ in os.walk(self.path):
            for path in find_leftovers(root):
                shutil.rmtree(path)
                folders.remove(path.name)

    def _trim_metrics(self, epochs_done: int) -> None:
        """Drop the rows of epochs after the last checkpoint, because they are trained again."""
        names, rows = read_numbers(self.metrics_file)[0], self.metrics()[:epochs_done]
        if not rows:
            self.metrics_file.unlink(missing_ok=True)
            return
        with write_atomically(self.metrics_file) as temporary_path:
            with open(temporary_path, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=names, restval=MISSING)
                writer.writeheader()
                writer.writerows(map(_as_logged, rows))


def _as_logged(row: dict[str, float]) -> dict[str, float]:
    """Return a row as it was first written, with integers in the columns of counts."""
    return {name: int(x) if name in COUNTS else x for name, x in row.items()}
