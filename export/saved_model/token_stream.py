"""Greedy translation of one text, token by token, with the signatures of a SavedModel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import tensorflow as tf

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, TextError
from keras_attention.special_tokens import END_ID
from keras_attention.translation.result import StreamedToken
from keras_attention.translation.signature_answers import (
    STREAM,
    encode_texts,
    read_part,
    stream_parts,
)

from ..device.device_choice import choose_greedily


def stream_text(
    signatures: Mapping[str, Any],
    manifest: Mapping[str, Any],
    text: str,
    automaton: Automaton | None = None,
) -> Iterator[StreamedToken]:
    """Translate one text greedily and yield each token as soon as it is chosen.

    Args:
        signatures: the graphs by name. If the model replaces `<unk>`, `stream` is run, which
            returns a few tokens at a time. Otherwise `tokenize`, `encode`, `step` and `detokenize`
            are run.
        manifest: the export's manifest, with the search settings.
        text: the text, with its source features.
        automaton: the automaton that accepts the allowed outputs, or None if all are allowed.

    Raises:
        InputError: if the export is of an older version.
        TextError: if the text is too long or not valid Unicode.
    """
    if STREAM in signatures and manifest["search"]["replace_unknown"]:
        return _stream_parts(signatures[STREAM], text)
    settings = _streamed_settings(signatures, manifest)
    read = signatures["tokenize"](text=tf.constant(encode_texts([text]), tf.string))
    if error := read["error"].numpy()[0].decode():
        raise TextError(error)
    limit = settings.max_length if read["tokens"].shape[1] > 1 else 0
    return _stream(signatures, read, settings, limit, automaton)


def _stream_parts(signature: Any, text: str) -> Iterator[StreamedToken]:
    texts = tf.constant(encode_texts([text]), tf.string)

    def ask(state: bytes) -> tuple[list[StreamedToken], bytes]:
        found = signature(text=texts, state=tf.constant([state]))
        return read_part({name: output.numpy() for name, output in found.items()})

    return stream_parts(ask)


def _stream(
    signatures: Mapping[str, Any],
    read: Mapping[str, Any],
    settings: SearchSettings,
    limit: int,
    automaton: Automaton | None,
) -> Iterator[StreamedToken]:
    length, ids = read["length"], list[int]()
    names = signatures["step"].structured_input_signature[1]

    def step(token: Any, **named: Any) -> dict[str, Any]:
        given = {name: named[name] for name in names if name in named}
        found = signatures["step"](token=tf.constant(token), length=length, **given)
        read_here = ("log_probabilities", "alignment")
        return {**found, **{name: found[name].numpy() for name in read_here}}

    encoded = signatures["encode"](source=read["ids"], length=length)
    for chosen in choose_greedily(step, encoded, settings, limit, automaton):
        if chosen.id == END_ID:
            return
        ids.append(chosen.id)
        written = signatures["detokenize"](
            ids=tf.constant([ids], tf.int32), length=tf.constant([len(ids)], tf.int32)
        )
        token, so_far = written["tokens"].numpy()[0, -1], written["text"].numpy()[0]
        yield StreamedToken(token.decode(), so_far.decode(), chosen.score, chosen.weights)


def _streamed_settings(
    signatures: Mapping[str, Any], manifest: Mapping[str, Any]
) -> SearchSettings:
    """Check and return the search settings of an export."""
    names, stored = {field.name for field in fields(SearchSettings)}, manifest["search"]
    older = "tokens" not in signatures["detokenize"].structured_outputs or names - stored.keys()
    if older or stored["replace_unknown"]:
        raise InputError(
            "to stream the tokens of a text, export the model again. Received: a SavedModel of an "
            "older version, whose signatures do not return what an unfinished output needs."
        )
    return SearchSettings(**{name: stored[name] for name in names})
