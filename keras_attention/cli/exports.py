"""What `export` writes, says of it, and prints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from keras_attention.cli.device_export import export_measured, remove_measured
from keras_attention.export.saved_model.manifest import check_manifest
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.tflite.conversion import export_tflite
from keras_attention.files.artefacts import read_artefact
from keras_attention.training.metrics.text_metrics import higher_is_better
from keras_attention.training.run.run_data import load_run_recipe
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.translation.translator import Translator

REPORT_WIDTH = 100


def export_all(
    translator: Translator,
    folder: Path,
    *,
    tflite: str = "float32",
    lines: int = 500,
    **saved_model: Any,
) -> list[Path]:
    """Writes the SavedModel and the TFLite file of a translator into its folder.

    Args:
        translator: a trained translator.
        folder: its folder.
        tflite: what `--tflite` asks for; all but "float32" is measured on held-out pairs.
        lines: pairs at most.
        **saved_model: as `export_saved_model` takes it, such as `version`.

    Returns:
        What was written, the SavedModel first.

    Raises:
        InputError: if there are no pairs to measure on, or the precision loses too much.
    """
    about, name = about_run(folder), folder.resolve().name
    if tflite != "float32":
        measured = export_measured(translator, folder, tflite, lines, about)
        return [export_saved_model(translator, folder, about=about, **saved_model), *measured]
    saved = export_saved_model(translator, folder, about=about, **saved_model)
    written = [saved, export_tflite(translator, folder / f"{name}.tflite", about=about)]
    remove_measured(folder, keep=written)
    return written


def about_run(folder: Path) -> dict[str, Any]:
    """The recipe that a model was trained by and what it reached, where its folder says so."""
    run = RunFolder(folder)
    if not run.recipe_file.is_file():
        return {}
    recipe = load_run_recipe(folder)
    checksum = hashlib.sha256(read_artefact(run.recipe_file)).hexdigest()
    name = recipe.training.metric
    values = run.values(f"val_{name}")
    best = (max if higher_is_better(name) else min)(values) if values else None
    return {
        "recipe": {"name": recipe.name, "sha256": checksum},
        "metric": {"name": name, "best held-out": best},
    }


def print_operators(version: Path) -> None:
    """Prints what a runtime must have to load a SavedModel, by library."""
    operators: Mapping[str, list[str]] = check_manifest(version)["operators"]
    for library, names in operators.items():
        listed = f"{library}, {len(names)}: {', '.join(names)}"
        print(fill(listed, REPORT_WIDTH, initial_indent="  ", subsequent_indent="    "))
