"""Writes a SavedModel: the graphs, the manifest, the tokenizers and the warm-up requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_attention.files.atomic_writes import write_atomically
from keras_attention.translation.file_names import GRAPH_FILE
from keras_attention.translation.translator import Translator

from ..graphs.portable import portable_copy
from .limits import Limits
from .manifest import AUTOMATON_FILE, CODEC_FOLDER, describe, write_manifest
from .operators import operators_by_library
from .serving_module import ServingModule
from .warm_up import typical_requests, write_warm_up


def export_saved_model(
    translator: Translator,
    folder: str | Path,
    *,
    version: int = 1,
    limits: Limits | None = None,
    compute: str = "float32",
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a SavedModel to `folder/version/`, the layout that TensorFlow Serving expects.

    Batch size and length may vary within `limits`. The graph uses only TensorFlow's core operators
    and, for subwords, those of TensorFlow Text. Strings are UTF-8, and `T` is the model's
    `max_length`. The signatures:

    - `serving_default`: from `text` `[B]` to `text` and `score` `[B]`, `tokens` `[B, T]` (empty
      strings after the end), `alignment` `[B, T, S]` and `source_tokens` `[B, S]` of the best
      hypothesis, found with the model's own search settings.
    - `beam`: from `text`, `beam_width`, `length_penalty` and `nbest`, each `[B]`, to the same
      outputs for `N` hypotheses, `[B, N, ...]`, where `N` is the largest `nbest`. A missing
      hypothesis has a score of -1e9. A width of 0 and a negative penalty select the model's own
      values; the other settings are always the model's own.
    - `stream`: from `text` and `state` `[B]`, "" at first, to up to 4 more tokens of the greedy
      output: `tokens`, `text` so far and `score` so far `[B, 4]`, `alignment` `[B, 4, S]` and
      `source_tokens`; and the next `state` `[B]`, "" after the end.
    - `score`: from `source` and `target` `[B]` to `score` `[B]`, and `tokens` and
      `log_probabilities` `[B, T]`.
    - `tokenize`: from `text` `[B]` to `ids` and `tokens` `[B, S]` and `length` `[B]`, with the
      source's tokenizer; the ids of source features, if there are any, come first and count in
      `length`. `detokenize`: from `ids` `[B, T]` and `length` `[B]` to `text` `[B]` and `tokens`
      `[B, T]`, with the target's tokenizer.
    - `encode` and `step`, for callers with their own search: see `model_functions`. Ids after a
      row's `length` are ignored.

    Signatures that accept texts and search, score or tokenize them also return `error` `[B]`, which
    is "" for a valid text. If a text is too long or has options out of range, `error` contains a
    message and the text has no result; the other texts of the request are not affected.

    If the translator has an `output_rule`, `serving_default`, `beam` and `stream` always obey
    it; an empty text still has an empty output.

    Args:
        translator: a trained translator.
        folder: the model's folder, usually the one it was loaded from.
        version: TensorFlow Serving's version number, a positive integer.
        limits: limits on the size of a request. Default: `Limits()` with the translator's own
            `max_tokens`.
        compute: the dtype policy of the graph: "float32", or for accelerators "mixed_float16" or
            "mixed_bfloat16", which change the results by rounding.
        about: further values for the manifest, such as the recipe's name; `json.dumps` must accept
            them.

    Returns:
        The version folder.

    Raises:
        InputError: if the folder cannot be written, or the model cannot be exported.
    """
    path = Path(folder) / str(version)
    return write_saved_model(
        translator,
        path,
        name=path.parent.resolve().name,
        limits=limits,
        compute=compute,
        about=about,
    )


def write_saved_model(
    translator: Translator,
    path: str | Path,
    *,
    name: str | None = None,
    limits: Limits | None = None,
    compute: str = "float32",
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write the SavedModel of `export_saved_model` to any folder, not only to a version folder.

    The folder `path` is replaced if it exists. `name` is the model's name on a server; by default,
    it is the name of the folder. The other arguments and the errors are those of
    `export_saved_model`.
    """
    path = Path(path)
    with write_atomically(path, folder=True) as temporary_path:
        module = ServingModule(portable_copy(translator, compute), limits)
        rule = translator.output_rule
        tf.saved_model.save(module, str(temporary_path), signatures=module.signatures.value)
        requests = typical_requests(translator.codec.source, module.limits.batch)
        (temporary_path / CODEC_FOLDER).mkdir(parents=True)
        if rule is not None:
            (temporary_path / AUTOMATON_FILE).write_bytes(rule.automaton.to_bytes())
        for file_name, file_bytes in translator.codec.to_files().items():
            (temporary_path / CODEC_FOLDER / file_name).write_bytes(file_bytes)
        write_warm_up(temporary_path, name or path.resolve().name, requests)
        described = describe(
            translator.codec,
            **about or {},
            compute=compute,
            search=asdict(translator.codec.settings),
            limits=asdict(module.limits),
            max_steps=translator.model.longest,
            confidence=translator.confidence.to_json(),
            operators=operators_by_library(temporary_path / GRAPH_FILE),
            **({} if rule is None else {"outputs": rule.about}),
        )
        write_manifest(temporary_path, described)
    return path
