"""SavedModel: strings in; text, score, tokens and alignment out, for TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_attention.errors import InputError
from keras_attention.files import remove_leftovers, write_atomically
from keras_attention.served import read_answer
from keras_attention.text.graph_tokenizer import import_tensorflow_text
from keras_attention.translation import Translation
from keras_attention.translator import Translator

from .manifest import check_manifest, describe, write_manifest
from .operators import operators_by_library
from .portable import portable_copy
from .serving_module import SIGNATURES, Limits, ServingModule

GRAPH_FILE = "saved_model.pb"

_SUBWORDS = b"Sentencepiece"  # in the names of TensorFlow Text's operations


def export_saved_model(
    translator: Translator,
    folder: str | Path,
    *,
    version: int = 1,
    limits: Limits | None = None,
    compute: str = "float32",
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `folder/version/`, the layout that TensorFlow Serving watches.

    Batch and length vary within `limits`; beyond them a request is refused. Only core TensorFlow
    operators are used, and for a source of subwords one of TensorFlow Text's. The signatures, where
    every string is UTF-8 and `T` is the model's `max_length`:

    - `serving_default`: `text` `[B]` to `text` and `score` `[B]`, `tokens` `[B, T]` (empty strings
      behind the end), `alignment` `[B, T, S]` and `source_tokens` `[B, S]` of the best hypothesis
      by the model's own search settings.
    - `beam`: `text`, `beam_width`, `length_penalty` and `nbest`, `[B]` each, to the same of `N`
      hypotheses, `[B, N, ...]`, where `N` is the largest `nbest`; a score of -1e9 where there is
      none. The other settings are the model's own.
    - `score`: `source` and `target` `[B]` to `score` `[B]`, and `tokens` and `log_probabilities`
      `[B, T]`.
    - `tokenize`: `text` `[B]` to `ids` and `tokens` `[B, S]` and `length` `[B]`, of the source's
      tokenizer. `detokenize`: `ids` `[B, T]` and `length` `[B]` to `text`, of the target's.
    - `encode` and `step`, for callers that search by themselves: see `steps`. What stands behind a
      row's `length` is not read.

    Args:
        translator: a trained translator.
        folder: the model's folder, usually the one it was loaded from.
        version: TensorFlow Serving's version number, a positive integer.
        limits: what a request may hold; default `Limits()`.
        compute: Keras's dtype policy of the graph: "float32", or "mixed_float16" and
            "mixed_bfloat16" for accelerators, whose answers differ by rounding.
        about: what the manifest is to say besides, such as the recipe's name; plain values.

    Returns:
        The version folder.

    Raises:
        InputError: if the folder cannot be written, or the model cannot be exported.
    """
    path = Path(folder) / str(version)
    module = ServingModule(portable_copy(translator, compute), limits)
    described = describe(
        translator.codec,
        **about or {},
        compute=compute,
        search=asdict(translator.codec.settings),
        limits=asdict(module.limits),
        operators=operators_by_library(module.signatures.value.values()),
    )
    remove_leftovers(path)
    with write_atomically(path) as beside:
        tf.saved_model.save(module, str(beside), signatures=module.signatures.value)
        write_manifest(beside, described)
    return path


class SavedModelTranslator:
    """The exported SavedModel behind the translator's own calls.

    Args:
        signatures: the graphs by name.
    """

    def __init__(self, signatures: Mapping[str, Any]) -> None:
        self._signatures = signatures

    @classmethod
    def load(cls, path: str | Path) -> SavedModelTranslator:
        """Reads a version folder.

        Raises:
            InputError: if there is none, it is damaged, changed, of a newer format or another
                model's, or it needs the package tensorflow-text, which is missing.
        """
        path = Path(path)
        if not (path / GRAPH_FILE).is_file():
            raise InputError(f"{path}: no SavedModel here, {GRAPH_FILE} is missing.")
        if _SUBWORDS in (path / GRAPH_FILE).read_bytes():
            import_tensorflow_text()
        check_manifest(path)
        try:
            signatures = tf.saved_model.load(str(path)).signatures
        except Exception as error:  # TensorFlow raises whatever the damage causes
            raise InputError(f"{path}: cannot be read as a SavedModel of ours.") from error
        if not set(signatures) >= set(SIGNATURES):
            raise InputError(f"{path}: a SavedModel, but not one that keras-attention exported.")
        return cls(signatures)

    def __call__(
        self,
        texts: Iterable[str],
        *,
        batch_size: int = 64,
        beam_width: int | None = None,
        length_penalty: float = 0.0,
        nbest: int = 1,
    ) -> list[Translation]:
        """Translates `texts` in order, `batch_size` at a time.

        Args:
            texts: any iterable of strings.
            batch_size: texts searched together.
            beam_width: hypotheses carried along; default the search the model was exported with,
                which gives one.
            length_penalty: exponent, read with `beam_width` alone.
            nbest: hypotheses wanted, at most `beam_width`.
        """
        translations, remaining = [], iter(texts)
        while batch := list(islice(remaining, batch_size)):
            if beam_width is None:
                found = self._signatures["serving_default"](text=tf.constant(batch))
            else:
                found = self._signatures["beam"](
                    text=tf.constant(batch),
                    beam_width=tf.fill([len(batch)], beam_width),
                    length_penalty=tf.fill([len(batch)], float(length_penalty)),
                    nbest=tf.fill([len(batch)], nbest),
                )
            outputs = {name: output.numpy() for name, output in found.items()}
            translations += read_answer(batch, outputs)
        return translations
