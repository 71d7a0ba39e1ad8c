"""The graphs of a SavedModel: all its signatures, which share one set of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.decoding.options import ServedOptions
from keras_attention.settings.setting import Setting
from keras_attention.special_tokens import END_ID, PAD_ID
from keras_attention.text.graph.graph_tokenizers import make_graph_tokenizer
from keras_attention.translation.outputs.output_rule import automaton_of
from keras_attention.translation.signature_answers import STREAM, value_for_own
from keras_attention.translation.translator import Translator

from ..graphs import model_functions
from ..graphs.model_functions import trace
from ..graphs.named_memory import Named
from ..graphs.searches import raw_variables, search_beams, search_best
from ..graphs.streamed_search import (
    Part,
    Progress,
    continue_greedily,
    new_tokens,
    note_unknown,
    prefixes,
    within_range,
)
from ..graphs.unknown_tokens import replace_unknown, write_sources
from .limits import Limits
from .row_errors import error_unless, first_error, require, require_one_each
from .stored_progress import EXPECTED, from_strings, to_strings
from .text_reader import ReadTexts, TextReader, emptied

_DTYPES = {int: tf.int32, float: tf.float32}

SIGNATURES = ("serving_default", "beam", "score", "tokenize", "detokenize", "encode", "step")
"""The signatures of every SavedModel."""

STREAMED = 4
"""The largest number of tokens in an answer of the signature `stream`.

Each answer encodes the source again, so a larger number saves time in total, but the user waits
longer for each answer.
"""


class ServingModule(tf.Module):  # type: ignore[misc]
    """The raw variables and tables of a translator, and the graphs that use them.

    Only closures refer to the Keras model: if a `tf.Module` tracks it, the SavedModel loads in
    Python but fails in C and C++ (keras#20096).

    Args:
        translator: a trained translator.
        limits: limits on the size of a request. Default: `Limits()` with the translator's own
            `max_tokens`.

    Attributes:
        limits: the limits, with a beam width that is at least the model's own.
        signatures: the graphs by the names of their signatures.
    """

    def __init__(self, translator: Translator, limits: Limits | None = None) -> None:
        super().__init__()
        self.weights = raw_variables(translator.model)
        self.source_tokenizer = make_graph_tokenizer(translator.codec.source)
        self.target_tokenizer = make_graph_tokenizer(translator.codec.target)
        limits = limits or Limits(tokens=translator.max_tokens)
        self._options = translator.codec.settings.options()
        self.limits = limits.with_beams_of(self._options.beam_width)
        self._read_source = TextReader(self.source_tokenizer, self.limits)
        self._read_target = TextReader(self.target_tokenizer, self.limits)
        # These graphs are large, so trace each once and let all signatures call it. `_Untracked`
        # hides the functions, because `tf.Module` would trace and store them again.
        ids = tf.TensorSpec([None, None], tf.int32)
        tokens = tf.TensorSpec([None, None], tf.string)
        self._write = _Untracked(_function(self.target_tokenizer.join, ids, tokens))
        self._tokens_of = _Untracked(_function(self.target_tokenizer.id_to_token, ids))
        self._model = _Untracked(translator.model)
        self._automaton = _Untracked(automaton_of(translator.output_rule))
        self._replaces_unknown = translator.codec.settings.replace_unknown
        self.signatures = _Untracked(self._trace())

    def _trace(self) -> dict[str, Any]:
        texts, ids = partial(tf.TensorSpec, [None], tf.string), partial(tf.TensorSpec, [None, None])
        each, length = partial(tf.TensorSpec, [None]), tf.TensorSpec([None], tf.int32, "length")
        source = ids(tf.int32, "source")
        traced = {
            "serving_default": trace(self._serve, texts("text")),
            "beam": trace(
                self._beam,
                texts("text"),
                each(tf.int32, "nbest"),
                **{
                    known.key: each(_DTYPES[type(known.default)], known.key)
                    for known in ServedOptions.settings()
                },
            ),
            STREAM: trace(self._stream, texts("text"), texts("state")),
            "score": trace(self._score, texts("source"), texts("target")),
            "tokenize": trace(self._tokenize, texts("text")),
            "detokenize": trace(self._detokenize, ids(tf.int32, "ids"), length),
            "encode": trace(self._encode, source, length),
        }
        specs = model_functions.step_specs(traced["encode"].structured_outputs, source)
        del specs["source"]
        traced["step"] = trace(self._step, length=length, **specs)
        return traced

    def _serve(self, text: tf.Tensor) -> Named:
        read = self._read_source(text)
        found = search_best(self._model.value, read.ids, self._options, self._automaton.value)
        return self._answer(found, read, read.error)

    def _beam(self, text: tf.Tensor, nbest: tf.Tensor, **given: tf.Tensor) -> Named:
        with tf.control_dependencies(require_one_each({**given, "nbest": nbest}, text)):
            read = self._read_source(text)
        options = {known.key: known for known in ServedOptions.settings()}
        search = {
            name: _or_own(given[name], known, getattr(self._options, name))
            for name, known in options.items()
        }
        error = first_error(read.error, self._refusal(search, nbest))
        good = tf.equal(error, "")
        found = search_beams(
            self._model.value,
            emptied(read.ids, good, self._read_source.features),
            self._options,
            {name: tf.where(good, search[name], known.default) for name, known in options.items()},
            tf.where(good, nbest, 1),
            self._automaton.value,
        )
        return self._answer(found, read, error)

    def _refusal(self, search: Named, nbest: tf.Tensor) -> tf.Tensor:
        """Return the error about each text's search options `[B]`, "" if they are valid."""
        errors = []
        for known in ServedOptions.settings():
            value, least, most = search[known.key], known.minimum, known.maximum
            own = ""
            if known.key == "beam_width":
                most, own = self.limits.beam_width, f", or {value_for_own(known)}"
            valid = (value >= least) & (value <= most)
            expected = f"{known.key}: expected {least} to {most}{own}."
            errors.append(error_unless(valid, expected, value))
        valid = (nbest >= 1) & (nbest <= search["beam_width"])
        errors.append(error_unless(valid, "nbest: expected 1 to `beam_width`.", nbest))
        return first_error(*errors)

    def _answer(self, found: Named, read: ReadTexts, error: tf.Tensor) -> Named:
        """Return the outputs for the hypotheses in `found`, one or several per source."""
        ids = found["tokens"]
        flat = tf.reshape(ids, [-1, ids.shape[-1]])
        tokens = tf.reshape(self._tokens_of.value(flat), tf.shape(ids))
        if self._replaces_unknown:
            weights, length = found["alignment"], read.length - self._read_source.features
            tokens = replace_unknown(ids, tokens, weights, read.tokens, length)
        text = self._write.value(flat, tf.reshape(tokens, tf.shape(flat)))
        refused = tf.not_equal(error, "")
        if ids.shape.rank == 3:
            refused = refused[:, tf.newaxis]
        return {
            "alignment": found["alignment"],
            "error": error,
            "score": tf.where(refused, IMPOSSIBLE, found["score"]),
            "source_tokens": read.tokens,
            "text": tf.reshape(text, tf.shape(ids)[:-1]),
            "tokens": tokens,
        }

    def _stream(self, text: tf.Tensor, state: tf.Tensor) -> Named:
        with tf.control_dependencies(require_one_each({"state": state}, text)):
            read = self._read_source(text)
        length = read.length - self._read_source.features
        valid = []

        def restore(fresh: Progress) -> Progress:
            given, usable = from_strings(state, fresh, length)
            valid.append(usable)
            return within_range(given, self._model.value, read.tokens, self._automaton.value)

        part = continue_greedily(
            self._model.value, read.ids, self._options, self._automaton.value, restore, STREAMED
        )
        if self._replaces_unknown:
            part = note_unknown(part, length)
        error = first_error(read.error, error_unless(valid[0], EXPECTED, _shown_size(state)))
        ended = part.ended | tf.not_equal(error, "")
        return {
            **self._answer_part(part, read, tf.not_equal(error, "")),
            "error": error,
            "state": tf.where(ended, "", to_strings(part.progress, length)),
        }

    def _answer_part(self, part: Part, read: ReadTexts, refused: tf.Tensor) -> Named:
        ids, hidden = part.progress.tokens, refused[:, tf.newaxis]
        ids = tf.where(hidden | (ids == END_ID), PAD_ID, ids)
        places = tf.where(hidden, 0, part.progress.places)
        tokens = write_sources(places, self._tokens_of.value(ids), read.tokens)
        so_far = [
            tf.reshape(prefixes(rows, part.begins, STREAMED, padding), [-1, ids.shape[1]])
            for rows, padding in ((ids, PAD_ID), (tokens, ""))
        ]
        return {
            "alignment": part.alignment,
            "score": part.scores,
            "source_tokens": read.tokens,
            "text": tf.reshape(self._write.value(*so_far), [-1, STREAMED]),
            "tokens": new_tokens(tokens, part.begins, STREAMED),
        }

    def _score(self, source: tf.Tensor, target: tf.Tensor) -> Named:
        with tf.control_dependencies(require_one_each({"target": target}, source)):
            read_target = self._read_target(target)
        read = self._read_source(source)
        error = first_error(read.error, read_target.error)
        values = model_functions.score(self._model.value, read.ids, read_target.ids)
        good = tf.equal(error, "")
        return {
            "error": error,
            "log_probabilities": tf.where(good[:, tf.newaxis], values, 0.0),
            "score": tf.where(good, tf.reduce_sum(values, axis=1), IMPOSSIBLE),
            "tokens": read_target.tokens,
        }

    def _tokenize(self, text: tf.Tensor) -> Named:
        read = self._read_source(text)
        return {"error": read.error, "ids": read.ids, "length": read.length, "tokens": read.tokens}

    def _detokenize(self, ids: tf.Tensor, length: tf.Tensor) -> Named:
        ids = self._bounded(ids, length)
        tokens = self._tokens_of.value(ids)
        return {"text": self._write.value(ids, tokens), "tokens": tokens}

    def _encode(self, source: tf.Tensor, length: tf.Tensor) -> Named:
        return model_functions.encode(self._model.value, self._bounded(source, length))

    def _step(
        self, token: tf.Tensor, length: tf.Tensor, values: tf.Tensor, **others: tf.Tensor
    ) -> Named:
        steps = tf.shape(values)[1] + self._read_source.features
        real = tf.sequence_mask(length, steps, tf.int32)
        return model_functions.step(self._model.value, token, real, values, **others)

    def _bounded(self, ids: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Check the size of a request with ids `[B, S]`, and pad the ids after each row's length.

        A server may pad the rows of merged requests with any id.
        """
        rows, steps = tf.unstack(tf.shape(ids))
        batch, tokens = self.limits.batch, self.limits.tokens
        checks = [
            require(rows <= batch, f"expected at most {batch} rows per request.", rows),
            require(
                steps <= tokens, f"expected at most {tokens} tokens including </s> per text.", steps
            ),
        ]
        with tf.control_dependencies(checks):
            return tf.where(tf.sequence_mask(length, steps), ids, PAD_ID)


@dataclass(frozen=True)
class _Untracked:
    """A wrapper that hides a value from `tf.Module`."""

    value: Any


def _function(function: Callable[..., Any], *signature: tf.TensorSpec) -> Any:
    return tf.function(function, input_signature=signature, autograph=False)


def _or_own(given: tf.Tensor, known: Setting, own: float) -> tf.Tensor:
    """Return an option for each text `[B]`, or `own` where a request selects the model's value."""
    if given.dtype.is_floating:
        return tf.where(given < known.minimum, tf.constant(own, given.dtype), given)
    return tf.where(tf.equal(given, value_for_own(known)), own, given)


def _shown_size(strings: tf.Tensor) -> tf.Tensor:
    return tf.strings.as_string(tf.strings.length(strings)) + " bytes"
