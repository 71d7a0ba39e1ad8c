"""Functions that create encoder, bridge and decoder from the settings of a `Seq2Seq`."""

from typing import Any

import keras

from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.attention_decoder import AttentionDecoder
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder
from keras_attention.layers.bridge import Bridge
from keras_attention.layers.decoder_cell import DecoderCell
from keras_attention.layers.gnmt_cell import GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder
from keras_attention.layers.transformer.transformer_cell import TransformerCell
from keras_attention.layers.transformer.transformer_encoder import TransformerEncoder
from keras_attention.models.seq2seq_config import Seq2SeqConfig
from keras_attention.settings.layer_rules import STATE_PARTS, direction_units

_TRANSFORMER = ("heads", "feed_forward", "dropout")


def find_mechanism(attention: Any, decoder: Any) -> Any:
    """Return the attention mechanism; a custom decoder cell contains its own.

    Raises:
        ValueError: if both are given.
    """
    if not isinstance(decoder, DecoderCell):
        return attention
    if attention is not None:
        raise ValueError(
            "`attention` must be None with a custom decoder cell, which contains its attention. "
            f"Received: attention={attention!r}."
        )
    return decoder.attention


def make_encoder(settings: Seq2SeqConfig, dtype: Any) -> keras.layers.Layer:
    """Return the encoder that the settings name or contain, for `run_encoder`.

    Raises:
        TypeError: if `settings.encoder` is neither a name nor a Keras layer.
    """
    if not isinstance(settings.encoder, str):
        return _check_type(settings.encoder, "encoder", keras.layers.Layer)
    units = settings.units
    shared = {"layers": settings.encoder_layers, "dtype": dtype, "name": "encoder"}
    if settings.encoder == "transformer":
        return TransformerEncoder(units, **_select(settings, *_TRANSFORMER), **shared)
    options = _select(settings, "rnn", "merge", "dropout", "recurrent_dropout", "layer_norm")
    if settings.encoder == "gnmt":
        return GNMTEncoder(units, **options, **shared)
    return BiLSTMEncoder(direction_units(units, settings.merge), **options, **shared)


def make_bridge(settings: Seq2SeqConfig, dtype: Any) -> Bridge | None:
    """Return the bridge from encoder to decoder, or None for a decoder without a bridge.

    A Transformer's cell and custom cells with `state_parts` of 0 have no bridge.

    Raises:
        TypeError: if `settings.decoder` is neither a name nor a `DecoderCell`.
    """
    shared = {"kind": settings.bridge, "dtype": dtype, "name": "bridge"}
    if settings.decoder == "transformer":
        return None
    if isinstance(settings.decoder, str):
        parts, layers = STATE_PARTS[settings.rnn], settings.decoder_layers
        return Bridge(settings.units, layers=layers, state_parts=parts, **shared)
    cell = _check_type(settings.decoder, "decoder", DecoderCell)
    if not cell.state_parts:
        return None
    return Bridge(cell.units, layers=cell.layers, state_parts=cell.state_parts, **shared)


def make_decoder(settings: Seq2SeqConfig, dtype: Any) -> AttentionDecoder:
    """Return the decoder with the cell that the settings name or contain.

    Raises:
        ValueError: if the attention mechanism does not fit the decoder.
    """
    cell = _make_cell(settings, dtype)
    # The blocks of a Transformer have their own dropout.
    rates = _select(settings, "dropout", "recurrent_dropout") if cell.takes_dropout_masks else {}
    return AttentionDecoder(cell, **rates, dtype=dtype, name="decoder")


def _check_type(layer: Any, name: str, kind: type) -> Any:
    if not isinstance(layer, kind):
        raise TypeError(f"`{name}` must be a {kind.__name__}. Received: {name}={layer!r}.")
    return layer


def _make_cell(settings: Seq2SeqConfig, dtype: Any) -> DecoderCell:
    if not isinstance(settings.decoder, str):
        return settings.decoder
    units, attention = settings.units, settings.attention
    shared = {"layers": settings.decoder_layers, "dtype": dtype, "name": "cell"}
    options = _select(settings, "rnn", "attention_units", "deep_output", "layer_norm")
    if settings.decoder == "lstm":
        placement = _select(settings, "placement", "input_feeding")
        return AttentionCell(units, attention, **placement, **options, **shared)
    if settings.decoder == "gnmt":
        return GNMTCell(units, attention, **options, **shared)
    shared["max_steps"] = settings.max_target_length
    return TransformerCell(units, attention, **_select(settings, *_TRANSFORMER), **shared)


def _select(settings: Seq2SeqConfig, *names: str) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in names}
