"""The encoders and decoders that a `Seq2Seq` can be made of."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism
from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.attention_decoder import AttentionDecoder
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder, direction_units
from keras_attention.layers.bridge import Bridge
from keras_attention.layers.decoder_cell import DecoderCell
from keras_attention.layers.gnmt_cell import GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder
from keras_attention.layers.transformer.transformer_cell import TransformerCell
from keras_attention.layers.transformer.transformer_encoder import TransformerEncoder

ENCODERS = ("bilstm", "gnmt", "transformer")
DECODERS = ("lstm", "gnmt", "transformer")

_TRANSFORMER = ("heads", "feed_forward", "dropout")

Settings = Mapping[str, Any]
"""The arguments of `Seq2Seq`, by name, but for the mechanism."""


def make_encoder(settings: Settings, dtype: Any) -> keras.layers.Layer:
    """The encoder: `(memory, states) = encoder(embedded, mask, training)`.

    Returns:
        A layer that reads `[B, S, embedding]` and gives memory `[B, S, units]` and a tuple with
        `(h, c)`, or one such pair a direction, of every layer.

    Raises:
        ValueError: if a setting is out of range or does not fit the others.
    """
    units = settings["units"]
    shared = {"layers": settings["encoder_layers"], "dtype": dtype, "name": "encoder"}
    if settings["encoder"] == "transformer":
        return TransformerEncoder(units, **_named(settings, *_TRANSFORMER), **shared)
    options = _named(settings, "merge", "dropout", "recurrent_dropout", "layer_norm")
    if settings["encoder"] == "gnmt":
        return GNMTEncoder(units, **options, **shared)
    return BiLSTMEncoder(direction_units(units, settings["merge"]), **options, **shared)


def make_bridge(settings: Settings, dtype: Any) -> Bridge | None:
    """What makes the decoder's first state of the encoder's last; a Transformer's is empty."""
    if settings["decoder"] == "transformer":
        return None
    layers, kind = settings["decoder_layers"], settings["bridge"]
    return Bridge(settings["units"], layers=layers, kind=kind, dtype=dtype, name="bridge")


def make_decoder(
    settings: Settings, attention: AttentionMechanism | None, dtype: Any
) -> AttentionDecoder:
    """The decoder, over time, of the cell that the settings name.

    Raises:
        ValueError: if a setting is out of range or does not fit the others.
    """
    cell = _cell(settings, attention, dtype)
    # A Transformer's blocks drop out by themselves, and nothing in it recurs.
    rates = _named(settings, "dropout", "recurrent_dropout") if cell.noisy else {}
    return AttentionDecoder(cell, **rates, dtype=dtype, name="decoder")


def _cell(settings: Settings, attention: AttentionMechanism | None, dtype: Any) -> DecoderCell:
    units = settings["units"]
    shared = {"layers": settings["decoder_layers"], "dtype": dtype, "name": "cell"}
    options = _named(settings, "attention_units", "deep_output", "layer_norm")
    if settings["decoder"] == "lstm":
        placed = _named(settings, "placement", "input_feeding")
        return AttentionCell(units, attention, **placed, **options, **shared)
    if attention is None:
        raise ValueError(
            f"decoder={settings['decoder']!r} needs an `attention`. Received: attention=None."
        )
    if settings["decoder"] == "gnmt":
        _refuse(settings, "input_feeding", "feeds the context to every layer")
        return GNMTCell(units, attention, **options, **shared)
    for name in ("input_feeding", "deep_output"):
        _refuse(settings, name, "has no such output")
    if settings["max_target_length"] is None:
        raise ValueError(
            "`max_target_length` must be given with decoder='transformer', a positive integer. "
            "Received: max_target_length=None."
        )
    steps, options = settings["max_target_length"], _named(settings, *_TRANSFORMER)
    return TransformerCell(units, attention, max_steps=steps, **options, **shared)


def _refuse(settings: Settings, name: str, reason: str) -> None:
    if settings[name]:
        raise ValueError(
            f"`{name}` does not fit decoder={settings['decoder']!r}, which {reason}. "
            f"Received: {name}={settings[name]}."
        )


def _named(settings: Settings, *names: str) -> dict[str, Any]:
    return {name: settings[name] for name in names}
