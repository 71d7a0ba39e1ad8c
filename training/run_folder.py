"""The run folder: what a training run leaves, and what resumes it."""

from __future__ import annotations

import csv
import json
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files import find_leftovers, write_atomically

from .recipe import Recipe, load_recipe
from .run_files import PACKAGE, RECIPE_FILE, VERSIONS_FILE, check_removable, is_run, remove_run

_CHECKPOINT = re.compile(r"epoch-(\d+)\.keras")
_NONE = "NA"
"""What Keras's CSVLogger writes for the validation metrics of a run without held-out pairs."""

_PACKAGES = (PACKAGE, "keras", "tensorflow", "numpy", "sentencepiece")


class RunFolder:
    """Paths and small files of one run.

    Beside the trained model (`model.keras`, its tokenizers and, where the recipe wants one, at the
    end its `short_list.npz`: the best epoch so far) stand
    `recipe.toml` (resolved), `versions.json`, `metrics.csv`, `times.csv` (see `Stopwatch`), `logs/`
    for TensorBoard and
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
            if not overwrite:
                raise InputError(
                    f"{self.path}: holds a run already; continue it with --resume, or begin anew "
                    "with --overwrite."
                )
            check_removable(self.path)
        elif self.path.is_file() or (
            self.path.is_dir() and set(self.path.iterdir()) - set(find_leftovers(self.path))
        ):
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
        before, now = _lines(load_recipe(self.recipe_file)), _lines(recipe)
        ends = recipe.training.schedule == "cosine"
        for old, new in zip(before, now, strict=True):
            more = new.startswith("epochs = ")
            if old != new and (ends or not more):
                why = ", and a cosine schedule ends with its last epoch" if more else ""
                raise InputError(
                    f"{self.recipe_file}: the run was started with `{old}`{why}; give the same "
                    "settings again, or begin anew in another folder (train: with --overwrite). "
                    f"Received: `{new}`."
                )

    def start(self, recipe: Recipe, epochs_done: int = 0, *, overwrite: bool = False) -> None:
        """Writes what is known before the first step, or before the run goes on.

        Args:
            recipe: what is to be trained.
            epochs_done: epochs before the last checkpoint; what came after them is trained again.
            overwrite: remove the run that stands here first.

        Raises:
            InputError: if the folder cannot be written.
        """
        if overwrite and is_run(self.path):
            check_removable(self.path)
            remove_run(self.path)
        for path in [*find_leftovers(self.path), *find_leftovers(self.checkpoints)]:
            shutil.rmtree(path)
        recipe.save(self.recipe_file)
        if not self.versions_file.exists():
            versions = {name: metadata.version(name) for name in _PACKAGES}
            versions["python"] = platform.python_version()
            with write_atomically(self.versions_file) as beside:
                beside.write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")
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
        """The rows of `metrics.csv`, one an epoch."""
        if not self.metrics_file.is_file():
            return []
        with open(self.metrics_file, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if rows and any(value in (None, "") for value in rows[-1].values()):
            rows.pop()  # the run was killed while it wrote
        try:
            return [
                {name: float(value) for name, value in row.items() if not _is_missing(value)}
                for row in rows
            ]
        except (TypeError, ValueError):
            raise InputError(f"{self.metrics_file}: damaged, expected numbers.") from None

    def values(self, metric: str) -> list[float]:
        """A metric's values so far, in the order of time; none where it was not computed."""
        return [row[metric] for row in self.metrics() if metric in row]

    def _trim_metrics(self, epochs_done: int) -> None:
        """Drops the rows of epochs after the last checkpoint, which will be trained again."""
        rows = self.metrics()[:epochs_done]
        if not rows:
            self.metrics_file.unlink(missing_ok=True)
            return
        with write_atomically(self.metrics_file) as beside:
            with open(beside, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(map(_as_logged, rows))


def _is_missing(value: str | list[str]) -> bool:
    """Whether a column, or all columns that have no name, hold no number."""
    return set(value if isinstance(value, list) else [value]) == {_NONE}


def _as_logged(row: dict[str, float]) -> dict[str, float]:
    """The row as it was written first: two of its numbers are counts."""
    return {name: int(x) if name in ("epoch", "step") else x for name, x in row.items()}


def _lines(recipe: Recipe) -> list[str]:
    return recipe.to_toml().splitlines()
