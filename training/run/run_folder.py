"""The run folder: what a training run leaves, and what resumes it."""

from __future__ import annotations

import csv
import json
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
from keras_attention.files.number_table import COUNTS, MISSING, read_numbers
from keras_attention.files.text_files import not_writable, write_atomically
from keras_attention.files.workspaces import find_leftovers
from keras_attention.translation.file_names import MODEL_FILE

from ..recipe.recipe import Recipe
from .run_data import is_free, load_run_recipe, read_run_data
from .run_files import (
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

    Beside the trained model (`model.keras`, its tokenizers and, where the recipe wants one, at the
    end its `short_list.npz`: the best epoch so far) stand
    `recipe.toml` (resolved), `versions.json`, `data.json` and `held_out.jsonl` (see `RunData`),
    `metrics.csv`, `times.csv` (see `Stopwatch`), `logs/` for TensorBoard and
    `checkpoints/epoch-NNNN.keras` (with the optimizer: the last epoch, or as many as the recipe
    averages). Where the recipe validates every so many steps, these steps are what counts as an
    epoch here; `metrics.csv` has both.

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

    def check_free(self, *, overwrite: bool = False) -> None:
        """Checks that a new run can be started here.

        Args:
            overwrite: whether a run that stands here may be removed.

        Raises:
            InputError: if the folder holds a run already, or other files. With `overwrite`, if it
                holds anything that is not part of a run of ours.
        """
        if is_run(self.path) or (overwrite and self.recipe_file.is_file()):
            if not (overwrite or self._never_began()):
                holds = f"without its {RECIPE_FILE};"
                if self.recipe_file.is_file():
                    holds = "already; continue it with --resume, or"
                raise InputError(f"{self.path}: holds a run {holds} begin anew with --overwrite.")
            check_removable(self.path)
        elif self.path.is_file() or (self.path.is_dir() and self._other_files()):
            raise InputError(f"{self.path}: expected a new or empty folder for the run.")

    def check_same(self, recipe: Recipe, *, overwrite: bool = False) -> None:
        """Checks that the run to resume was started from this recipe.

        Args:
            recipe: what is to be trained.
            overwrite: whether the run is to be removed, which leaves nothing to resume.

        Raises:
            InputError: if there is no run, or its recipe differs (more epochs are welcome, but
                for a schedule that ends with the last of them).
        """
        if overwrite:
            raise InputError("--resume keeps a run and --overwrite removes it; choose one of them.")
        if not self.recipe_file.is_file():
            raise InputError(f"{self.path}: holds no run to resume; start one without --resume.")
        before, now = _lines(load_run_recipe(self.path)), _lines(recipe)
        ends = recipe.training.schedule == "cosine"
        knows_files = read_run_data(self.path) is not None
        for old, new in zip(before, now, strict=True):
            more = new.startswith("epochs = ")
            same_kind = old.endswith('""') == new.endswith('""')  # a file each, or none
            moved = knows_files and is_free(old) and same_kind
            if old != new and not moved and (ends or not more):
                why = ", and a cosine schedule ends with its last epoch" if more else ""
                raise InputError(
                    f"{self.recipe_file}: the run was started with `{old}`{why}; "
                    f"{self._other_settings()}. Received: `{new}`."
                )

    def _other_settings(self) -> str:
        """Return what to do about settings that are not those of the run."""
        if not self.all_checkpoints():
            return "nothing is trained yet, so begin anew with --overwrite, or in another folder"
        return (
            "give the same settings again or train this recipe.toml with --resume, or start a new "
            "run in another folder"
        )

    def start(
        self,
        recipe: Recipe,
        epochs_done: int = 0,
        *,
        overwrite: bool = False,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Writes what is known before the first step, or before the run goes on.

        The recipe comes last: where it is missing, nothing was trained.

        Args:
            recipe: what is to be trained.
            epochs_done: epochs before the last checkpoint; what came after them is trained again.
            overwrite: remove the run that stands here first.
            files: names and contents of the other files that a resumed run needs: its data and
                its tokenizers.

        Raises:
            InputError: if the folder cannot be written.
        """
        if is_run(self.path) and (overwrite or self._never_began()):
            check_removable(self.path)
            remove_run(self.path)
        self._check_folders()
        self._remove_leftovers()
        if not self.versions_file.exists():
            versions = {
                PACKAGE: __version__,
                **{name: metadata.version(name) for name in _PACKAGES},
                "python": platform.python_version(),
            }
            text = json.dumps(versions, indent=2) + "\n"
            _write(self.versions_file, text.encode())
        for name, file_bytes in files.items():
            _write(self.path / name, file_bytes)
        recipe.save(self.recipe_file)
        self._trim_metrics(epochs_done)

    def last_checkpoint(self) -> tuple[int, Path | None]:
        """Epochs done, and the checkpoint after the last of them."""
        return max(self.all_checkpoints(), default=(0, None))

    def all_checkpoints(self) -> list[tuple[int, Path]]:
        """The epochs done before each checkpoint that still stands, and its path, in order."""
        found = ((path, _CHECKPOINT.fullmatch(path.name)) for path in self.checkpoints.glob("*"))
        return sorted((int(match[1]), path) for path, match in found if match)

    def checkpoint(self, epochs_done: int) -> Path:
        """Where the checkpoint after that many epochs stands."""
        return self.checkpoints / f"epoch-{epochs_done:04d}.keras"

    def drop_checkpoints(self, *, keep: int) -> None:
        """Removes all but the last checkpoints, once these are whole."""
        for _, path in self.all_checkpoints()[:-keep]:
            path.unlink()

    def metrics(self) -> list[dict[str, float]]:
        """The rows of `metrics.csv`, one an epoch, without the metrics that an epoch lacks.

        Raises:
            InputError: if the file is damaged.
        """
        return read_numbers(self.metrics_file)[1]

    def values(self, metric: str) -> list[float]:
        """A metric's values so far, in the order of time; none where it was not computed."""
        return [row[metric] for row in self.metrics() if metric in row]

    def _never_began(self) -> bool:
        """Return whether nothing is trained here, since a start or a removal was killed, say."""
        trained = self.all_checkpoints() or (self.path / MODEL_FILE).is_file()
        return not (trained or self.recipe_file.is_file())

    def _check_folders(self) -> None:
        """Check that nothing else has taken the place of a folder."""
        logs = (self.logs / name for name in ("train", "validation", "samples"))
        for path in (self.checkpoints, self.logs, *logs):
            if os.path.lexists(path) and not path.is_dir():
                raise not_writable(path, "Not a directory")

    def _other_files(self) -> set[Path]:
        """Return the files in the folder but for locks and what killed processes have left."""
        ours = {*find_leftovers(self.path), self.path / TRAIN_LOCK}
        return set(self.path.iterdir()) - ours

    def _remove_leftovers(self) -> None:
        """Removes what killed processes have left in the folder and its subfolders."""
        for root, folders, _ in os.walk(self.path):
            for path in find_leftovers(root):
                shutil.rmtree(path)
                folders.remove(path.name)

    def _trim_metrics(self, epochs_done: int) -> None:
        """Drops the rows of epochs after the last checkpoint, which will be trained again."""
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
    """The row as it was written first: two of its numbers are counts."""
    return {name: int(x) if name in COUNTS else x for name, x in row.items()}


def _write(path: Path, file_bytes: bytes) -> None:
    with write_atomically(path) as temporary_path:
        temporary_path.write_bytes(file_bytes)


def _lines(recipe: Recipe) -> list[str]:
    return recipe.to_toml().splitlines()
