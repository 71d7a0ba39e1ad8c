"""The encoders and decoders that a `Seq2Seq` can be made of."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.attention_decoder import AttentionDecoder
from keras_attention.layers.attention_mechanism import AttentionMechanism
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder, direction_units
from keras_attention.layers.bridge import Bridge
from keras_attention.layers.decoder_cell import DecoderCell
from keras_attention.layers.gnmt_cell import GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder

ENCODERS = ("bilstm", "gnmt")
DECODERS = ("lstm", "gnmt")

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
    units, merge = settings["units"], settings["merge"]
    options = _named(settings, "merge", "dropout", "recurrent_dropout", "layer_norm")
    options.update(layers=settings["encoder_layers"], dtype=dtype, name="encoder")
    if settings["encoder"] == "gnmt":
        return GNMTEncoder(units, **options)
    return BiLSTMEncoder(direction_units(units, merge), **options)


def make_bridge(settings: Settings, dtype: Any) -> Bridge:
    """What makes the decoder's first state of the encoder's last."""
    layers, kind = settings["decoder_layers"], settings["bridge"]
    return Bridge(settings["units"], layers=layers, kind=kind, dtype=dtype, name="bridge")


def make_decoder(
    settings: Settings, attention: AttentionMechanism | None, dtype: Any
) -> AttentionDecoder:
    """The decoder, over time, of the cell that the settings name.

    Raises:
        ValueError: if a setting is out of range or does not fit the others.
    """
    return AttentionDecoder(
        _cell(settings, attention, dtype),
        **_named(settings, "dropout", "recurrent_dropout"),
        dtype=dtype,
        name="decoder",
    )


def _cell(settings: Settings, attention: AttentionMechanism | None, dtype: Any) -> DecoderCell:
    units = settings["units"]
    shared = {"layers": settings["decoder_layers"], "dtype": dtype, "name": "cell"}
    options = _named(settings, "attention_units", "deep_output", "layer_norm")
    if settings["decoder"] == "lstm":
        placed = _named(settings, "placement", "input_feeding")
        return AttentionCell(units, attention, **placed, **options, **shared)
    if attention is None:
        raise ValueError("decoder='gnmt' needs an `attention`. Received: attention=None.")
    _refuse(settings, "input_feeding", "feeds the context to every layer")
    return GNMTCell(units, attention, **options, **shared)


def _refuse(settings: Settings, name: str, reason: str) -> None:
    if settings[name]:
        raise ValueError(
            f"`{name}` does not fit decoder={settings['decoder']!r}, which {reason}. "
            f"Received: {name}={settings[name]}."
        )


def _named(settings: Settings, *names: str) -> dict[str, Any]:
    return {name: settings[name] for name in names}
