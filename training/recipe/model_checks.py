"""What a model reads of its section of a recipe, and which settings are no model together.

The layers refuse the latter too, but when they are made, once data is read; and without Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_attention.errors import InputError

from .mechanisms import check_attention, read_by_attention

if TYPE_CHECKING:
    from .sections import ModelConfig

_OF_LSTMS = ("merge", "bridge", "layer_norm", "recurrent_dropout")
_OF_SOME = (
    "score", "normalize", "scale", "content", "mapping", "window", "heads", "attention_units",
    "feed_forward", "placement", "input_feeding", *_OF_LSTMS,
)  # fmt: skip
"""What some models read and others do not; what is not here every model reads."""


def ignored_settings(config: ModelConfig) -> tuple[str, ...]:
    """The names of the settings that make no difference beside the others."""
    read = read_by_attention(config) | _read_by_layers(config)
    return tuple(name for name in _OF_SOME if name not in read)


def projects(config: ModelConfig) -> bool:
    """Whether the decoder's output is a projection, `attention_units` wide."""
    placed_after = config.decoder == "lstm" and config.placement == "after"
    return config.deep_output or (config.attention != "none" and placed_after)


def check_model(config: ModelConfig) -> None:
    """Checks that settings are a model together.

    Raises:
        InputError: if they are not, or one is set that an LSTM alone would read.
    """
    _check_decoder(config)
    _check_heads(config)
    check_attention(config)
    _check_unread(config)


def least_parameters(config: ModelConfig, source_tokens: int, target_tokens: int) -> int:
    """Returns a number of weights that the model exceeds, without building it.

    It counts embeddings and the matrices that every kind of layer has at least: those of the LSTM's
    recurrence, or of a Transformer's attention.

    Args:
        config: the model.
        source_tokens: size of the source vocabulary.
        target_tokens: size of the target vocabulary.
    """
    layers = 2 * config.encoder_layers + 4 * config.decoder_layers
    tokens = target_tokens + (0 if config.tie_embeddings == "all" else source_tokens)
    return layers * config.units**2 + tokens * config.embedding


def _read_by_layers(config: ModelConfig) -> frozenset[str]:
    """The names of the settings that the encoder, the bridge and the decoder's cell are made of."""
    kinds = config.encoder, config.decoder
    conditions = {
        "heads": "transformer" in kinds,
        "feed_forward": "transformer" in kinds,
        "attention_units": projects(config),
        "placement": config.decoder == "lstm" and config.attention != "none",
        "input_feeding": config.decoder == "lstm" and config.attention != "none",
        "merge": config.encoder != "transformer",
        "bridge": config.decoder != "transformer",
        "layer_norm": kinds != ("transformer", "transformer"),
        "recurrent_dropout": kinds != ("transformer", "transformer"),
    }
    return frozenset(name for name, read in conditions.items() if read)


def _check_decoder(config: ModelConfig) -> None:
    if config.decoder != "lstm" and config.attention == "none":
        raise InputError(
            f"`model.decoder`={config.decoder!r} needs a model.attention. "
            "Received: model.attention='none'."
        )
    if config.decoder != "lstm" and config.input_feeding:
        raise InputError(
            "`model.input_feeding` needs model.decoder='lstm'. "
            f"Received: model.decoder={config.decoder!r}."
        )
    if config.decoder == "transformer" and config.deep_output:
        raise InputError(
            "`model.deep_output` needs model.decoder='lstm' or 'gnmt'. "
            "Received: model.decoder='transformer'."
        )
    if config.attention != "none" and config.placement == "before" and config.input_feeding:
        raise InputError(
            "`model.input_feeding` needs model.placement='after', because attention placed "
            "before the LSTM feeds the context already. Received: model.placement='before'."
        )


def _check_heads(config: ModelConfig) -> None:
    units, heads = config.units, config.heads
    if "transformer" in (config.encoder, config.decoder) and (units % heads or units % 2):
        raise InputError(
            "`model.units` of a Transformer must be even and a multiple of model.heads. "
            f"Received: model.units={units}, model.heads={heads}."
        )


def _check_unread(config: ModelConfig) -> None:
    defaults = {setting.key: setting.default for setting in config.settings()}
    for name in _OF_LSTMS:
        value, default = getattr(config, name), defaults[f"model.{name}"]
        if value != default and name in ignored_settings(config):
            raise InputError(
                f"`model.{name}` is of LSTMs and must be {default!r}, its default, with "
                f"model.encoder={config.encoder!r} and model.decoder={config.decoder!r}. "
                f"Received: model.{name}={value!r}."
            )
