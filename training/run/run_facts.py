"""The facts about a model in its run folder, for the model card of a preset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

from keras_attention.errors import InputError

from ..data.data_paths import PATH_KEYS
from ..data.datasets import dataset_of
from ..metrics.metric_kinds import METRICS, format_value
from ..recipe.recipe import Recipe
from .origin import read_origin
from .run_data import RunData, load_run_recipe, read_run_data
from .run_files import RECIPE_FILE
from .run_folder import RunFolder


class RunFacts(TypedDict):
    """Arguments of `Translator.save_to_preset`."""

    metrics: dict[str, str]
    training: dict[str, str]


def run_facts(folder: str | os.PathLike[str]) -> RunFacts:
    """Return the facts about a model in its run folder, as arguments of `save_to_preset`.

    Args:
        folder: The folder of a trained model.

    Returns:
        `metrics`, the metrics of the kept model on the held-out pairs; and `training`, the recipe,
        the training data with its source and licence, the number of held-out pairs, and the model
        that the run was fine-tuned from. Facts that the folder does not contain are left out, and
        so are paths. The source and the licence are known only for the data sets of
        `keras-attention data`, in a folder with the name of the data set.

    Raises:
        InputError: If the folder is not a run folder, or a file in it is damaged.
    """
    folder = Path(folder)
    if not (folder / RECIPE_FILE).is_file():
        raise InputError(
            f"{folder}: expected the folder of a run. Received: no {RECIPE_FILE} in it."
        )
    recipe, data, origin = load_run_recipe(folder), read_run_data(folder), read_origin(folder)
    row = RunFolder(folder).best_row(recipe.training.metric) or {}
    values = {name: row[f"val_{name}"] for name in METRICS if f"val_{name}" in row}
    training = {"recipe": recipe.name, **_describe_data(recipe, data)}
    if data is not None and data.held_out:
        training["held-out pairs"] = (
            f"{len(data.held_out):,}; the metrics are measured on them, and training chose the "
            "model by them"
        )
    if origin is not None and origin.model is not None:
        training["fine-tuned from"] = Path(origin.model.path).parent.name
    return RunFacts(
        metrics={name: format_value(name, value) for name, value in values.items()},
        training=training,
    )


def _describe_data(recipe: Recipe, data: RunData | None) -> dict[str, str]:
    if not recipe.data.path:
        return {"data": f"{recipe.data.size:,} generated pairs of the task {recipe.data.format}"}
    files = data.files if data is not None else {}
    keys = {f"data.{key}" for key in PATH_KEYS}
    paths = [file.path for key, file in files.items() if key.split()[0] in keys]
    dataset = dataset_of(paths)
    if dataset is None:
        return {}
    codes = filter(None, (recipe.data.language, recipe.data.target_language))
    return {
        "data": f"{dataset.title} ({', '.join(codes)})",
        "source of the data": dataset.source,
        "licence of the data": dataset.licence,
    }
