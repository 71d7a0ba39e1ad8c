"""SavedModel and TFLite exports of models that read features instead of text."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError, check_positive
from keras_attention.files.atomic_writes import write_atomically, write_file
from keras_attention.models.ensemble import members_of
from keras_attention.text.graph.graph_tokenizers import make_graph_tokenizer
from keras_attention.text.tokenizer import Tokenizer

from .graphs.model_functions import trace
from .graphs.named_memory import Model, Named
from .graphs.portable import portable_model
from .graphs.searches import raw_variables, search_all, search_best
from .tflite.conversion import convert, lowered, paths_of
from .tflite.device_graphs import beam_width_of
from .tflite.flat_file import read_flat_file
from .tflite.precision import FLOAT32


def export_features_saved_model(
    model: Model,
    folder: str | Path,
    options: SearchOptions,
    *,
    target: Tokenizer | None = None,
    version: int = 1,
) -> Path:
    """Write a SavedModel to `folder/version/`, the layout that TensorFlow Serving expects.

    Its signatures have the input `source` `[B, *source_shape]`, with any number of sources:

    - `serving_default` returns `tokens` `[B, T]`, `score` `[B]` and `alignment` `[B, T, S]` of the
      best hypothesis, and `text` `[B]` if a `target` is given. Tokens are ids, padded with 0 after
      the end token.
    - `beam` returns the same for `K` hypotheses, `[B, K, ...]`, best first.

    Args:
        model: a model with a `source_shape`, or an ensemble of such models.
        folder: the folder in which the version folder is written.
        options: how to search; if `beam_width` is 1, `beam` returns 4 hypotheses.
        target: the tokenizer that decodes target ids to text. If it is None, no text is returned.
        version: TensorFlow Serving's version number, a positive integer.

    Returns:
        The version folder.

    Raises:
        InputError: if the model reads token ids, or cannot be exported.
        ValueError: if `version` is not a positive integer.
    """
    source = _source_spec(model, rows=None)
    check_positive(version=version)
    path, module = Path(folder) / str(version), tf.Module()
    copy = portable_model(model)
    module.weights = raw_variables(copy)
    tokenizer = None if target is None else make_graph_tokenizer(target)
    module.target_tokenizer = tokenizer

    def run(search: Any, options: SearchOptions, source: tf.Tensor) -> Named:
        found = search(copy, source, options)
        return found if tokenizer is None else {**found, "text": _text(tokenizer, found["tokens"])}

    signatures = {
        "serving_default": trace(partial(run, search_best, options), source),
        "beam": trace(partial(run, search_all, _beam(options)), source),
    }
    with write_atomically(path, folder=True) as temporary_path:
        tf.saved_model.save(module, str(temporary_path), signatures=signatures)
    return path


def export_features_tflite(
    model: Model,
    path: str | Path,
    options: SearchOptions,
    *,
    steps: int | None = None,
    precision: str = FLOAT32,
) -> Path:
    """Write one TFLite file that uses only built-in operators.

    Its signatures accept one source, `[1, *source_shape]`: `greedy` returns `tokens` `[1, T]`,
    `score` `[1]` and `alignment` `[1, T, S]`; `beam` returns the same for `K` hypotheses,
    `[1, K, ...]`, best first.

    Args:
        model: a model with a `source_shape`, or an ensemble of such models.
        path: the file to write.
        options: how to search; if `beam_width` is 1, `beam` returns 4 hypotheses.
        steps: number of steps of a source, if `source_shape` does not fix it; pad shorter sources
            with zeros. Default: any number of steps, which LiteRT.js cannot run.
        precision: one of `tflite.conversion.PRECISIONS`.

    Returns:
        The path of the file.

    Raises:
        InputError: if the model reads token ids or cannot be exported, `source_shape` does not fix
            the sizes after the first one, or `precision` is not one of `PRECISIONS`.
    """
    source = _source_spec(model, rows=1, steps=steps)
    copy = portable_model(model)
    greedy = dataclasses.replace(options, beam_width=1, groups=1)
    graphs = {
        "greedy": trace(lambda source: search_best(copy, source, greedy), source),
        "beam": trace(lambda source: search_all(copy, source, _beam(options)), source),
    }
    content = lowered(read_flat_file(convert(graphs, copy)), paths_of(copy), precision)
    write_file(path, content)
    return Path(path)


def _source_spec(model: Model, *, rows: int | None, steps: int | None = None) -> tf.TensorSpec:
    shapes = list(dict.fromkeys(member.settings.source_shape for member in members_of(model)))
    if len(shapes) > 1:
        raise InputError(
            "the members of an ensemble must have the same `source_shape` to be exported. "
            f"Received: {', '.join(map(str, shapes))}."
        )
    (shape,) = shapes
    if shape is None:
        raise InputError(
            "expected a Seq2Seq that reads features; export a model of texts through its "
            "Translator. Received: a model that reads token ids."
        )
    first, *rest = shape
    if rows and None in rest:
        raise InputError(
            "in a TFLite file only the number of steps, the first size of `source_shape`, may be "
            "None. "
            f"Received: source_shape={shape}."
        )
    dtype = tf.float32 if rest else tf.int32
    return tf.TensorSpec([rows, first if steps is None else steps, *rest], dtype, "source")


def _beam(options: SearchOptions) -> SearchOptions:
    return dataclasses.replace(options, beam_width=beam_width_of(options))


def _text(tokenizer: Any, ids: tf.Tensor) -> tf.Tensor:
    """Decode ids `[..., T]` to texts `[...]`."""
    texts = tokenizer.detokenize(tf.reshape(ids, [-1, ids.shape[-1]]))
    return tf.reshape(texts, tf.shape(ids)[:-1])
