"""SavedModel: strings in; text, score, tokens and alignment out, for TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import search
from keras_attention.errors import InputError
from keras_attention.files import write_atomically
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.served import OUTPUTS, read_answer
from keras_attention.text.graph_tokenizer import import_tensorflow_text, make_graph_tokenizer
from keras_attention.translation import Translation
from keras_attention.translator import Translator
from keras_attention.vocabulary import END_ID, PAD_ID

GRAPH_FILE = "saved_model.pb"

_SUBWORDS = b"Sentencepiece"  # in the names of TensorFlow Text's operations


def export_saved_model(translator: Translator, folder: str | Path, *, version: int = 1) -> Path:
    """Writes `folder/version/`, the layout that TensorFlow Serving watches.

    The signature `serving_default` takes `text`, strings `[B]`, and gives `text` `[B]`, `score`
    `[B]`, `tokens` `[B, T]` (empty strings behind the end), `alignment` `[B, T, S]` and
    `source_tokens` `[B, S]`, for the best hypothesis of the model's own search settings. Batch and
    length vary; only core TensorFlow operators are used, and for a source of subwords one of
    TensorFlow Text's.

    Args:
        translator: a trained translator.
        folder: the model's folder, usually the one it was loaded from.
        version: TensorFlow Serving's version number, a positive integer.

    Returns:
        The version folder.
    """
    path = Path(folder) / str(version)
    module = ServingModule(translator)
    signature = module.serve.get_concrete_function()
    with write_atomically(path) as beside:
        tf.saved_model.save(module, str(beside), signatures={"serving_default": signature})
    return path


class ServingModule(tf.Module):  # type: ignore[misc]
    """The raw variables and tables of a translator, and the graph that runs on them.

    The Keras model is reached through a closure alone: a Keras model that a `tf.Module` tracks
    loads in Python and fails in every C and C++ loader (keras#20096).

    Args:
        translator: a trained translator.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.weights = raw_variables(translator)
        self.source_tokenizer = make_graph_tokenizer(translator.codec.source)
        self.target_tokenizer = make_graph_tokenizer(translator.codec.target)
        self.serve = tf.function(
            self._serve(translator),
            input_signature=[tf.TensorSpec([None], tf.string, "text")],
            autograph=False,
        )

    def _serve(self, translator: Translator) -> Any:
        model, options = translator.single_model, translator.codec.settings.options()

        def serve(text: tf.Tensor) -> dict[str, tf.Tensor]:
            source = _at_least_one_step(self.source_tokenizer.encode(text), PAD_ID)
            found = search_best(model, source, options)
            return {
                **found,
                "text": self.target_tokenizer.detokenize(found["tokens"]),
                "tokens": self.target_tokenizer.id_to_token(found["tokens"]),
                "source_tokens": _at_least_one_step(self.source_tokenizer.tokens(text), ""),
            }

        return serve


def _at_least_one_step(matrix: tf.Tensor, padding: int | str) -> tf.Tensor:
    """`[B, S]` with `S` at least 1: a batch of no text has no step, over which no LSTM runs."""
    missing = tf.maximum(1 - tf.shape(matrix)[1], 0)
    return tf.pad(matrix, [[0, 0], [0, missing]], constant_values=padding)


def search_best(model: Seq2Seq, source: tf.Tensor, options: SearchOptions) -> dict[str, tf.Tensor]:
    """Searches in a graph that is to be exported.

    An empty source has an empty output with a score of 0, as `TextCodec.translations` has it.

    Args:
        model: the model.
        source: ids `[B, S]`, closed by the end token.
        options: how to search.

    Returns:
        `tokens` `[B, T]`, `score` `[B]` and `alignment` `[B, T, S]` of the best hypotheses.
    """
    tokens, scores, alignments = (array[:, 0] for array in search(model, source, options))
    empty = tf.equal(source[:, :1], END_ID)  # [B, 1]
    behind = np.arange(options.max_length) > 0  # [T]
    return {
        "tokens": tf.where(empty, np.where(behind, PAD_ID, END_ID).astype("int32"), tokens),
        "score": tf.where(empty[:, 0], 0.0, scores),
        "alignment": tf.where((empty & behind)[:, :, tf.newaxis], 0.0, alignments),
    }


def raw_variables(translator: Translator) -> list[tf.Variable]:
    """The TensorFlow variables behind a translator's Keras variables.

    Raises:
        InputError: if Keras runs on another backend, which cannot export, or the translator is an
            ensemble, which is not exported.
    """
    variables = [variable.value for variable in translator.single_model.variables]
    if not all(isinstance(variable, tf.Variable) for variable in variables):
        raise InputError("only the TensorFlow backend exports; unset KERAS_BACKEND and try again.")
    return variables


class SavedModelTranslator:
    """The exported SavedModel behind the translator's own call.

    Args:
        serve: the signature `serving_default`.
    """

    def __init__(self, serve: Any) -> None:
        self._serve = serve

    @classmethod
    def load(cls, path: str | Path) -> SavedModelTranslator:
        """Reads a version folder.

        Raises:
            InputError: if there is none, it is damaged or another model's, or it needs the package
                tensorflow-text, which is missing.
        """
        path = Path(path)
        if not (path / GRAPH_FILE).is_file():
            raise InputError(f"{path}: no SavedModel here, {GRAPH_FILE} is missing.")
        if _SUBWORDS in (path / GRAPH_FILE).read_bytes():
            import_tensorflow_text()
        try:
            serve = tf.saved_model.load(str(path)).signatures["serving_default"]
        except Exception as error:  # TensorFlow raises whatever the damage causes
            raise InputError(f"{path}: cannot be read as a SavedModel of ours.") from error
        if set(serve.structured_outputs) != set(OUTPUTS):
            raise InputError(f"{path}: a SavedModel, but not one that keras-attention exported.")
        return cls(serve)

    def __call__(self, texts: Iterable[str], *, batch_size: int = 64) -> list[Translation]:
        """Translates `texts` in order, `batch_size` at a time."""
        translations, remaining = [], iter(texts)
        while batch := list(islice(remaining, batch_size)):
            translations += self._translate(batch)
        return translations

    def _translate(self, texts: Sequence[str]) -> list[Translation]:
        outputs = {name: out.numpy() for name, out in self._serve(tf.constant(texts)).items()}
        return read_answer(texts, outputs)
