"""The file in a model's folder that limits the outputs of the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import JsonFile, format_json, list_of, optional, text
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.file_names import LIMIT_FILE
from keras_attention.translation.outputs.output_rule import OutputRule, make_output_rule

_FORMAT = 1
"""Version of the file; a reader refuses every other version."""

_FILE = JsonFile(
    "the limit on outputs that `Translator.save` writes",
    {"pattern": optional(text()), "allowed": optional(list_of(text()))},
    _FORMAT,
)
_ARGUMENTS = ("pattern", "allowed")


def save_rule(rule: OutputRule | None, folder: Path) -> None:
    """Write the rule about a model's outputs into its folder; remove the file if there is no rule.

    Args:
        rule: the rule.
        folder: the model's folder.

    Raises:
        InputError: if the rule was made from an automaton, or the file cannot be written.
    """
    path = folder / LIMIT_FILE
    if rule is None:
        path.unlink(missing_ok=True)
        return
    check_storable(rule)
    write_file(path, format_json({"format": _FORMAT, **rule.arguments}))


def check_storable(rule: OutputRule | None) -> None:
    """Check that a rule can be stored.

    Raises:
        InputError: if it was made from an automaton.
    """
    if rule is not None and not rule.arguments:
        raise InputError(
            "a model's folder stores a pattern or a list of allowed outputs; set it with "
            "`limit_outputs`. Received: an `output_rule` that was made from an automaton."
        )


def load_rule(folder: Path, tokenizer: Tokenizer) -> OutputRule | None:
    """Return the rule about the outputs of the model in a folder, or None if there is none.

    Args:
        folder: the model's folder.
        tokenizer: the tokenizer of its targets.

    Raises:
        InputError: if the file is damaged, or does not fit the tokenizer.
    """
    given = read_arguments(folder)
    if not given:
        return None
    try:
        return make_output_rule(tokenizer, given.get("allowed"), given.get("pattern"))
    except InputError as error:
        raise InputError(f"{folder / LIMIT_FILE}: {error}") from None


def read_arguments(folder: Path) -> Mapping[str, Any]:
    """Return the stored arguments of `limit_outputs`; empty if a folder has no such file.

    Raises:
        InputError: if the file is damaged.
    """
    path = folder / LIMIT_FILE
    if not path.exists():
        return {}
    values = _FILE.parse(read_artefact(path), str(path))
    given = {name: values[name] for name in _ARGUMENTS if name in values}
    if len(given) != 1:
        raise InputError(
            f"{path}: damaged, expected either `pattern` or `allowed`. "
            f"Received: {' and '.join(given) or 'none of them'}."
        )
    return given
