"""The limit on outputs that is stored with a model: print a note about it, and change it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_attention.cli.runtimes import read_tflite
from keras_attention.errors import InputError
from keras_attention.translation.file_names import LIMIT_FILE
from keras_attention.translation.folders.ensemble_folder import is_ensemble, member_folders
from keras_attention.translation.folders.model_paths import find_parts, is_export


def note_limits(models: Sequence[Path], search: Mapping[str, Any]) -> None:
    """Print a note on standard error for each model whose stored limit on outputs is in force.

    Args:
        models: model folders, checkpoints or exports.
        search: the search options; a limit among them replaces the stored one.
    """
    if search.keys() & {"allowed", "pattern"}:
        return
    for model in models:
        for name, value in stored_limit(model).items():
            shown = f"a list of {value} {'text' if value == 1 else 'texts'}"
            shown = f"the pattern {value!r}" if name == "pattern" else shown
            print(f"note: {model}: the outputs are limited to {shown}.", file=sys.stderr)


def stored_limit(model: Path) -> Mapping[str, Any]:
    """Return the limit that is stored with a model: `pattern`, or `allowed`, a number of texts.

    The result is empty if there is no such model, or if it has no limit.
    """
    if not model.exists():
        return {}
    if is_export(model):
        return _limit_of_export(model)
    from keras_attention.translation.outputs.stored_rule import read_arguments

    folder = find_parts(model)[0]
    given = read_arguments(folder)
    if not given and is_ensemble(folder):
        given = read_arguments(member_folders(folder)[0])
    return {name: len(value) if name == "allowed" else value for name, value in given.items()}


def _limit_of_export(path: Path) -> Mapping[str, Any]:
    if path.suffix != ".tflite":
        from keras_attention.export.saved_model.manifest import read_limit

        return read_limit(path)
    limit: Mapping[str, Any] = read_tflite(path).manifest.get("outputs", {})
    return limit


def check_saved_limit(
    models: Sequence[Path], others: Sequence[Path], limit: Mapping[str, Any]
) -> None:
    """Check the models and the options that are combined with `--save-limit`.

    Args:
        models: the models to evaluate.
        others: the models that search together with the first one.
        limit: the result of `read_limit`.
    """
    if len(models) > 1 or others:
        raise InputError(
            "--save-limit requires exactly one model, because it writes to the model's folder. "
            f"Received: {len(models) + len(others)}."
        )
    if "terms" in limit:
        raise InputError(
            "--save-limit stores --allowed or --pattern; a model cannot store terms. "
            "Received: --save-limit and --terms."
        )
    (model,) = models
    if is_export(model) or find_parts(model)[0] != model:
        raise InputError(
            f"{model}: --save-limit requires the folder of a trained model; export the model again "
            "to limit its exports. Received: an export or a checkpoint."
        )


def save_limit(model: Path, limit: Mapping[str, Any]) -> None:
    """Store the result of `read_limit` in a model's folder, or remove a limit if it is empty."""
    from keras_attention.translation.model_files import load_codec
    from keras_attention.translation.outputs.output_rule import make_output_rule
    from keras_attention.translation.outputs.stored_rule import save_rule

    path, advice = model / LIMIT_FILE, "export the model again to change its exports"
    if limit:
        tokenizer = load_codec(model).target
        rule = make_output_rule(tokenizer, limit.get("allowed"), limit.get("pattern"))
        save_rule(rule, model)
        print(f"Wrote {path}; {advice}")
    elif path.exists():
        save_rule(None, model)
        print(f"Removed {path}; {advice}")
    else:
        print(f"{model} has no stored limit; nothing was removed")
