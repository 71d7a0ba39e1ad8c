"""Writes the exports of a trained model into its folder, for `export` and `quickstart`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_attention.cli.output import print_agreements
from keras_attention.cli.progress import show_progress
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.tflite.conversion import PRECISIONS, export_tflite
from keras_attention.export.verify import find_exports, verify
from keras_attention.files.artefacts import read_artefact
from keras_attention.training.run.run_data import load_run_recipe
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.seeds.seeds_report import read_report
from keras_attention.translation.folders.ensemble_folder import is_ensemble, read_members
from keras_attention.translation.translator import Translator


def export_all(
    translator: Translator,
    folder: Path,
    *,
    measured: Sequence[Path] = (),
    batch_size: int = 1,
    **saved_model: Any,
) -> list[Path]:
    """Write the SavedModel and the TFLite file of a translator into its folder.

    TFLite files that an earlier export wrote in other precisions are removed from the folder.

    Args:
        translator: A trained translator.
        folder: The folder of the model.
        measured: TFLite files that are already written. By default one is written in float32.
        batch_size: Number of texts that this file searches together.
        **saved_model: Arguments of `export_saved_model`, such as `version`.

    Returns:
        The paths of all exports, the SavedModel first.
    """
    about, name = about_run(folder), folder.resolve().name
    saved = export_saved_model(translator, folder, about=about, **saved_model)
    device_files = measured or [
        export_tflite(translator, folder / f"{name}.tflite", batch_size=batch_size, about=about)
    ]
    others = {folder / f"{name}.{precision}.tflite" for precision in PRECISIONS}
    for path in {variants_file(folder), *others} - set(device_files):
        path.unlink(missing_ok=True)
    return [saved, *device_files]


def verify_exports(translator: Translator, folder: Path, lines: Sequence[str]) -> bool:
    """Compare the exports in a folder with the Keras model, and return whether all agree."""
    total = 2 * len(lines) * len(find_exports(folder))  # by the Keras model and by each export
    with show_progress(total, unit="lines") as advance:
        agreements = verify(translator, folder, lines, advance=advance)
    return print_agreements(agreements)


def variants_file(folder: Path) -> Path:
    """Return the path of the table of TFLite precisions in a model's folder."""
    return folder / f"{folder.resolve().name}.variants.json"


def about_run(folder: Path) -> dict[str, Any]:
    """Return the recipe, the best metric and, for an ensemble, the members of a model's folder.

    Values that the folder does not contain are left out.
    """
    run = RunFolder(folder)
    members = {"members": read_members(folder)} if is_ensemble(folder) else {}
    if not run.recipe_file.is_file():
        return members
    recipe = load_run_recipe(folder)
    checksum = hashlib.sha256(read_artefact(run.recipe_file)).hexdigest()
    name = recipe.training.metric
    if report := read_report(folder) if members else None:
        best = report.ensemble
    else:
        row = run.best_row(name)
        best = row[f"val_{name}"] if row else None
    return {
        "recipe": {"name": recipe.name, "sha256": checksum},
        "metric": {"name": name, "best held-out": best},
        **members,
    }
