"""ONNX export of the search, and of `encode` and `step` for programs that search themselves."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_attention.distribution import install_command
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.translation.outputs.output_rule import automaton_of
from keras_attention.translation.translator import Translator

from .graphs import model_functions
from .graphs.model_functions import STATE, trace
from .graphs.named_memory import Named
from .graphs.portable import portable_copy
from .graphs.searches import raw_variables, search_best
from .graphs.whole_batch import WholeBatch

SEARCH_FILE, ENCODE_FILE, STEP_FILE = "search.onnx", "encode.onnx", "step.onnx"
OPSET = 18
"""Version of the ONNX operators; onnxruntime 1.14 and later support it."""
CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"
"""Name of tf2onnx's environment variable: whether it undoes failed passes over the graph."""


def export_onnx(translator: Translator, folder: str | Path) -> Path:
    """Write a folder with three ONNX files, for any number of sources and tokens.

    - `search.onnx` contains the whole search, a `Loop`, with the model's own search settings. It
      accepts `source` `[B, S]`, ids ended by the end token and padded with 0, and returns `tokens`
      `[B, T]`, `score` `[B]` and `alignment` `[B, T, S]`, like `searches.search_best`.
    - `encode.onnx` and `step.onnx` have the inputs and outputs of `model_functions.encode` and
      `model_functions.step`, except that the next state is called `next_state_0`, `next_state_1`
      ...: in ONNX an input and an output cannot share a name.

    If the translator has an `output_rule`, `search.onnx` always obeys it; an empty source still has
    an empty output. The tokenizers' files are written to the same folder.

    Args:
        translator: a trained translator.
        folder: the folder to write.

    Returns:
        The folder.

    Raises:
        InputError: if the package tf2onnx is missing, the model cannot be exported, or its
            search settings contradict the `output_rule`.
    """
    convert = import_converter()
    portable = portable_copy(translator)
    model, automaton = portable.model, automaton_of(portable.output_rule)
    raw_variables(model)  # raises if Keras runs on another backend
    source = tf.TensorSpec([None, None], tf.int32, "source")

    def encode(source: tf.Tensor) -> Named:
        return model_functions.encode(model, source)

    encoded = trace(encode, source).structured_outputs
    specs = model_functions.step_specs(encoded, source)

    searched: Any = WholeBatch(model)
    options = translator.codec.settings.options()

    def run_search(source: tf.Tensor) -> Named:
        return search_best(searched, source, options, automaton)

    def step(*inputs: tf.Tensor) -> Named:
        given = dict(zip(specs, inputs, strict=True))
        outputs = model_functions.step(model, **given)
        return {
            f"next_{name}" if name.startswith(STATE) else name: outputs[name] for name in outputs
        }

    with write_atomically(folder, folder=True) as temporary_path:
        temporary_path.mkdir()
        for function, inputs, name in (
            (run_search, [source], SEARCH_FILE),
            (encode, [source], ENCODE_FILE),
            (step, list(specs.values()), STEP_FILE),
        ):
            convert(tf.function(function, autograph=False), inputs, temporary_path / name)
        for name, file_bytes in translator.codec.to_files().items():
            (temporary_path / name).write_bytes(file_bytes)
    return Path(folder)


def import_converter() -> Any:
    """Return a function that converts a TensorFlow function to an ONNX file.

    Raises:
        InputError: if the package tf2onnx is missing.
    """
    try:
        with _environment_kept():
            import tf2onnx
    except ImportError:
        raise InputError(
            f"ONNX export requires the package tf2onnx: {install_command('onnx')}."
        ) from None
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # it logs each of its passes

    def convert(function: Any, signature: list[tf.TensorSpec], path: Path) -> None:
        with _environment_kept():
            # By default, tf2onnx copies the graph before each of its passes, so that it can undo a
            # failed one. The copies would take a quarter of the time.
            os.environ[CATCH_ERRORS] = "FALSE"
            tf2onnx.convert.from_function(
                function, input_signature=signature, opset=OPSET, output_path=str(path)
            )

    return convert


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Restore the environment variables at the end; tf2onnx changes TensorFlow's log level."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.update(before)
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
