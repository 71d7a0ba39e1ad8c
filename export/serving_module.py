"""The graphs of a SavedModel: every signature, over one set of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from keras_attention.decoding.likeliest import WIDEST
from keras_attention.text.graph_tokenizer import GraphTokenizer, make_graph_tokenizer
from keras_attention.translator import Translator
from keras_attention.vocabulary import PAD_ID

from . import steps
from .searches import raw_variables, search_beams, search_best
from .steps import Named

SIGNATURES = ("serving_default", "beam", "score", "tokenize", "detokenize", "encode", "step")


@dataclass(frozen=True)
class Limits:
    """What one request may hold; a server that takes anything can be brought down by anyone.

    Attributes:
        batch: texts, or pairs or rows of ids.
        tokens: tokens of a text, `</s>` included.
        beam_width: hypotheses of a text; at most `WIDEST`.
    """

    batch: int = 256
    tokens: int = 4096
    beam_width: int = WIDEST


class ServingModule(tf.Module):  # type: ignore[misc]
    """The raw variables and tables of a translator, and the graphs that run on them.

    The Keras model is reached through closures alone: a Keras model that a `tf.Module` tracks
    loads in Python and fails in every C and C++ loader (keras#20096).

    Args:
        translator: a trained translator.
        limits: what a request may hold.

    Attributes:
        limits: what a request may hold.
        signatures: the graphs by the names that callers know them by.
    """

    def __init__(self, translator: Translator, limits: Limits | None = None) -> None:
        super().__init__()
        self.weights = raw_variables(translator)
        self.source_tokenizer = make_graph_tokenizer(translator.codec.source)
        self.target_tokenizer = make_graph_tokenizer(translator.codec.target)
        # Functions of their own, which all signatures call: their graphs are large.
        texts, ids = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.int32)
        self._read_source = _function(partial(_read, self.source_tokenizer), texts)
        self._read_target = _function(partial(_read, self.target_tokenizer), texts)
        self._write = _function(partial(_write, self.target_tokenizer), ids)
        self._model = _Untracked(translator.single_model)
        self._options = translator.codec.settings.options()
        self.limits = limits or Limits()
        self.signatures = _Untracked(self._trace())

    def _trace(self) -> dict[str, Any]:
        texts, ids = partial(tf.TensorSpec, [None], tf.string), partial(tf.TensorSpec, [None, None])
        each, length = partial(tf.TensorSpec, [None]), tf.TensorSpec([None], tf.int32, "length")
        source = ids(tf.int32, "source")
        traced = {
            "serving_default": _graph(self._serve, texts("text")),
            "beam": _graph(
                self._beam,
                texts("text"),
                each(tf.int32, "beam_width"),
                each(tf.float32, "length_penalty"),
                each(tf.int32, "nbest"),
            ),
            "score": _graph(self._score, texts("source"), texts("target")),
            "tokenize": _graph(self._tokenize, texts("text")),
            "detokenize": _graph(self._detokenize, ids(tf.int32, "ids"), length),
            "encode": _graph(self._encode, source, length),
        }
        specs = steps.step_specs(traced["encode"].structured_outputs, source)
        del specs["source"]
        traced["step"] = _graph(self._step, length=length, **specs)
        return traced

    def _serve(self, text: tf.Tensor) -> Named:
        source, tokens = self._read(text, self._read_source)
        found = search_best(self._model.value, source, self._options)
        return {**self._said(found), "source_tokens": tokens}

    def _beam(
        self, text: tf.Tensor, beam_width: tf.Tensor, length_penalty: tf.Tensor, nbest: tf.Tensor
    ) -> Named:
        with tf.control_dependencies(self._check_beams(text, beam_width, length_penalty, nbest)):
            source, tokens = self._read(text, self._read_source)
        found = search_beams(
            self._model.value, source, self._options, beam_width, length_penalty, nbest
        )
        return {**self._said(found), "source_tokens": tokens}

    def _said(self, found: Named) -> Named:
        """What was found, with its text and tokens, of one hypothesis a source or several."""
        ids = found["tokens"]
        text, tokens = self._write(tf.reshape(ids, [-1, ids.shape[-1]]))
        return {
            **found,
            "text": tf.reshape(text, tf.shape(ids)[:-1]),
            "tokens": tf.reshape(tokens, tf.shape(ids)),
        }

    def _score(self, source: tf.Tensor, target: tf.Tensor) -> Named:
        same = tf.equal(tf.shape(source)[0], tf.shape(target)[0])
        pairs = _require(same, "target: expected one for each source.", tf.shape(target)[0])
        with tf.control_dependencies([pairs]):
            ids, tokens = self._read(target, self._read_target)
        values = steps.score(self._model.value, self._read(source, self._read_source)[0], ids)
        return {
            "score": tf.reduce_sum(values, axis=1),
            "log_probabilities": values,
            "tokens": tokens,
        }

    def _tokenize(self, text: tf.Tensor) -> Named:
        ids, tokens = self._read(text, self._read_source)
        length = tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1)
        return {"ids": ids, "length": length, "tokens": tokens}

    def _detokenize(self, ids: tf.Tensor, length: tf.Tensor) -> Named:
        return {"text": self._write(_cut(self._bounded(ids), length))[0]}

    def _encode(self, source: tf.Tensor, length: tf.Tensor) -> Named:
        return steps.encode(self._model.value, _cut(self._bounded(source), length))

    def _step(
        self, token: tf.Tensor, length: tf.Tensor, values: tf.Tensor, **others: tf.Tensor
    ) -> Named:
        real = tf.sequence_mask(length, tf.shape(values)[1], tf.int32)
        return steps.step(self._model.value, token, real, values, **others)

    def _read(self, text: tf.Tensor, read: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids and tokens `[B, S]` of texts, `S` at least 1, within the limits."""
        limit, count = self.limits.batch, tf.shape(text)[0]
        few = _require(count <= limit, f"expected at most {limit} texts a request.", count)
        with tf.control_dependencies([few]):
            ids, tokens = read(tf.identity(text))
        return self._bounded(ids), tokens

    def _bounded(self, ids: tf.Tensor) -> tf.Tensor:
        rows, steps_of = tf.unstack(tf.shape(ids))
        batch, tokens = self.limits.batch, self.limits.tokens
        checks = [
            _require(rows <= batch, f"expected at most {batch} rows a request.", rows),
            _require(
                steps_of <= tokens, f"expected at most {tokens} tokens with </s> a text.", steps_of
            ),
        ]
        with tf.control_dependencies(checks):
            return tf.identity(ids)

    def _check_beams(
        self, text: tf.Tensor, beam_width: tf.Tensor, length_penalty: tf.Tensor, nbest: tf.Tensor
    ) -> list[tf.Operation]:
        widest, count = self.limits.beam_width, tf.shape(text)[0]
        given = {"beam_width": beam_width, "length_penalty": length_penalty, "nbest": nbest}
        fits = tf.reduce_all((beam_width >= 1) & (beam_width <= widest))
        few = tf.reduce_all((nbest >= 1) & (nbest <= beam_width))
        finite = tf.reduce_all(tf.math.is_finite(length_penalty))
        return [
            *(
                _require(
                    tf.equal(tf.shape(each)[0], count),
                    f"{name}: expected one for each text.",
                    tf.shape(each)[0],
                )
                for name, each in given.items()
            ),
            _require(fits, f"beam_width: expected 1 to {widest}.", beam_width),
            _require(few, "nbest: expected 1 to the beam width.", nbest),
            _require(finite, "length_penalty: expected a finite number.", length_penalty),
        ]


@dataclass(frozen=True)
class _Untracked:
    """Holds what `tf.Module` must not find."""

    value: Any


def _function(function: Callable[..., Any], *signature: tf.TensorSpec) -> Any:
    return tf.function(function, input_signature=signature, autograph=False)


def _graph(function: Callable[..., Named], *specs: tf.TensorSpec, **named: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*specs, **named)


def _read(tokenizer: GraphTokenizer, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    ids, tokens = tokenizer.encode(text), tokenizer.tokens(text)
    return _at_least_one_step(ids, PAD_ID), _at_least_one_step(tokens, "")


def _write(tokenizer: GraphTokenizer, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tokenizer.detokenize(ids), tokenizer.id_to_token(ids)


def _require(condition: tf.Tensor, expected: str, received: tf.Tensor) -> tf.Operation:
    """The check that ends a request with a sentence."""
    return tf.debugging.Assert(condition, [f"{expected} Received:", received], summarize=8)


def _cut(ids: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """`ids` `[B, S]` up to each row's length: what a server pads with may be anything."""
    return tf.where(tf.sequence_mask(length, tf.shape(ids)[1]), ids, PAD_ID)


def _at_least_one_step(matrix: tf.Tensor, padding: int | str) -> tf.Tensor:
    """`[B, S]` with `S` at least 1: a batch of no text has no step, over which no LSTM runs."""
    missing = tf.maximum(1 - tf.shape(matrix)[1], 0)
    return tf.pad(matrix, [[0, 0], [0, missing]], constant_values=padding)
