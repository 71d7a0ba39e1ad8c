"""Which runtime a path asks for, and which pairs a model is judged on."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from keras_attention.cli.imports import lean_imports
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError
from keras_attention.translation import Translation

FORMATS = ("tsv", "dates", "parallel")
_OPTIONS = {"beam_width": "--beam"}
"""The options that are not called as the library calls them."""

Translate = Callable[[Iterable[str]], Iterable[Translation]]
"""Gives those before a text that cannot be used, and then raises an `InputError`."""


def open_translator(
    path: Path,
    search: Mapping[str, Any] = MappingProxyType({}),
    *,
    others: Sequence[Path] = (),
    nbest: int = 1,
    batch_size: int = 64,
    replace_unknown: bool = False,
    whole_vocabulary: bool = False,
) -> Translate:
    """The translator behind a path: Keras folder or checkpoint, SavedModel folder or TFLite file.

    Args:
        path: the folder or file.
        search: `prefix` and fields of `SearchOptions` in place of the model's own settings.
        others: models that are searched together with this one.
        nbest: hypotheses that are wanted.
        batch_size: sources searched together; an export has its own.
        replace_unknown: whether source words stand in for `<unk>`; see `TextCodec`.
        whole_vocabulary: whether the model's short list is left aside, as exports leave it.

    Raises:
        InputError: if there is none, or the search options do not fit it.
    """
    exports = [each for each in (path, *others) if _is_export(each)]
    if exports and others:
        raise InputError(
            f"{exports[0]}: an export is searched alone, --with needs folders. "
            f"Received: --with {others[0]}."
        )
    if exports and replace_unknown:
        raise InputError(
            f"{path}: --replace-unknown needs the model's folder; an export does so where its "
            "model was trained with decoding.replace_unknown."
        )
    if exports:
        return _open_export(path, search, nbest)
    with lean_imports():
        from keras_attention.translator import Translator

    translator = Translator.load_ensemble([path, *others])
    if whole_vocabulary:
        translator.short_list = None
    options = _checked(translator, search, nbest)
    replaces = replace_unknown and not translator.codec.settings.replace_unknown

    def translate(texts: Iterable[str]) -> list[Translation]:
        found = translator(texts, batch_size=batch_size, **options)
        return list(map(translator.codec.replace_unknown, found)) if replaces else found

    return translate


def lines_at_once(path: Path, batch_size: int, *, sample: bool = False) -> int:
    """Lines worth waiting for: a model sorts them by length, unless it samples; no export does."""
    if sample or _is_export(path):
        return batch_size
    from keras_attention.translator import SORTED_BATCHES

    return batch_size * SORTED_BATCHES


def _is_export(path: Path) -> bool:
    return path.suffix == ".tflite" or (path / "saved_model.pb").is_file()


def _open_export(path: Path, search: Mapping[str, Any], nbest: int) -> Translate:
    taken = {"beam_width"} if path.suffix == ".tflite" else {"beam_width", "length_penalty"}
    if refused := [name for name in search if name not in taken]:
        options = " and ".join(map(option_of, sorted(taken)))
        raise InputError(
            f"{path}: of the options of search an export like this takes {options} and --nbest, "
            f"the others need the model's folder. Received: {option_of(refused[0])}."
        )
    if path.suffix == ".tflite":
        return _open_tflite(path, search.get("beam_width"), nbest)
    with lean_imports():
        from keras_attention.export.saved_model import SavedModelTranslator

    saved = SavedModelTranslator.load(path)
    return _in_words(partial(saved.stream, nbest=nbest, **search))


def _open_tflite(path: Path, width: int | None, nbest: int) -> Translate:
    from keras_attention.export.device import DeviceTranslator

    device = DeviceTranslator.load(path)
    own = device.manifest["beam_width"]
    if width not in (None, 1, own):
        raise InputError(f"{path}: exported for beams of {own}, or 1. Received: --beam {width}.")
    if nbest > (width or own):
        raise InputError(
            f"--nbest must not be over the beam width, {width or own}. Received: --nbest {nbest}."
        )
    beam = nbest > 1 or (width or 1) > 1
    return lambda texts: (device(text, beam=beam) for text in texts)


def _in_words(translate: Translate) -> Translate:
    """The same, that says in its errors what was typed."""
    try:
        translate([])
    except InputError as error:
        raise InputError(_in_options(str(error))) from error
    return translate


def option_of(name: str) -> str:
    """What a field of `SearchOptions` is called on the command line."""
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _checked(translator: Any, search: Mapping[str, Any], nbest: int) -> dict[str, Any]:
    """The options as the translator takes them, once it is known that it does."""
    try:
        translator.stream([], **search)
    except ValueError as error:
        raise InputError(_in_options(str(error))) from error
    width = search.get("beam_width", translator.codec.settings.beam_width)
    if nbest > width:
        raise InputError(
            f"--nbest must not be over the beam width, {width}. Received: --nbest {nbest}."
        )
    if not search.get("sample"):
        return dict(search)
    from keras.random import SeedGenerator

    # Lines come a few at a time, and each time an integer would draw the same again.
    return {**search, "seed": SeedGenerator(search.get("seed", 0))}


def _in_options(message: str) -> str:
    """The message with what was typed in the place of the library's names."""
    names = "|".join(["prefix", "nbest", *(field.name for field in fields(SearchOptions))])

    def option(match: re.Match[str]) -> str:
        name, equals = match.groups()
        return option_of(name) + (" " if equals else "")

    flags = message.replace("`sample=True`", "`sample`")
    return re.sub(rf"`?\b({names})\b`?(=?)", option, flags)


def evaluation_pairs(
    model: Path,
    data: Path | None = None,
    data_format: str = "tsv",
    target: Path | None = None,
) -> tuple[list[tuple[str, str]], set[str]]:
    """The pairs of a file, or those the model's own recipe held out.

    A note on standard error says where the data has changed since the training.

    Returns:
        The pairs, and those of their sources that the model was trained on (empty for a file).

    Raises:
        InputError: if the file cannot be used, or the model brings no recipe or held-out pairs.
    """
    from keras_attention.training.data import read_pairs
    from keras_attention.training.data_paths import literal
    from keras_attention.training.run_data import read_held_out
    from keras_attention.training.sections import DataConfig

    if data_format not in FORMATS:
        raise InputError(
            f"--format must be one of {', '.join(FORMATS)}. Received: --format {data_format}."
        )
    if (data_format == "parallel") != (target is not None):
        raise InputError(
            "--format parallel and --target FILE go together. "
            f"Received: --format {data_format}" + (f" --target {target}." if target else " alone.")
        )
    if data is not None:
        paths = {"path": literal(str(data)), "target_path": literal(str(target or ""))}
        return read_pairs(DataConfig(format=data_format, **paths)), set()
    folder = model if model.is_dir() else model.parent
    if not (folder / "recipe.toml").is_file():
        folder = folder.parent
    if not (folder / "recipe.toml").is_file():
        raise InputError(f"{model}: brings no recipe.toml, so no held-out pairs; name a file.")
    held_out = read_held_out(folder)
    if not held_out.pairs:
        raise InputError(f"{folder}: its recipe held no pairs out; name a file.")
    if held_out.note:
        print(f"note: {held_out.note}", file=sys.stderr)
    return held_out.pairs, held_out.seen
