"""What the arguments of a `Seq2Seq` may be, and how they go together."""

from typing import Any

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    checked_choice,
    checked_rate,
    checked_units,
)
from keras_attention.layers.bridge import KINDS
from keras_attention.models.architectures import DECODERS, ENCODERS, Settings

TIES = ("none", "target", "all")

_SIZES = (
    "source_vocabulary_size",
    "target_vocabulary_size",
    "units",
    "embedding",
    "encoder_layers",
    "decoder_layers",
)
_CHOICES = {"encoder": ENCODERS, "decoder": DECODERS, "bridge": KINDS, "tie_embeddings": TIES}
_OF_LSTMS = {"merge": "concat", "bridge": "dense", "layer_norm": False, "recurrent_dropout": 0}
_OF_ALIGNMENTS = ("coverage_loss", "guided_alignment", "copying")


def checked_settings(attention: AttentionMechanism | None, **settings: Any) -> dict[str, Any]:
    """The settings themselves; layers check what is theirs when they are made of them.

    Args:
        attention: the mechanism, or `None`.
        **settings: the other arguments of `Seq2Seq`.

    Raises:
        ValueError: if one is out of range, or needs the attention or the LSTMs that there are not.
    """
    for name in _SIZES:
        checked_units(settings[name], name)
    for name, choices in _CHOICES.items():
        checked_choice(settings[name], name, choices)
    checked_rate(settings["dropout"])
    for name in _OF_ALIGNMENTS:
        value = settings[name]
        if value < 0:
            raise ValueError(f"`{name}` must be a number of at least 0. Received: {name}={value}.")
        if value and attention is None:
            raise ValueError(f"`{name}` needs `attention`. Received: attention=None.")
    _check_unread(settings)
    return settings


def _check_unread(settings: Settings) -> None:
    """Checks that nothing is asked of LSTMs which are not there."""
    encoder, decoder = (settings[side] != "transformer" for side in ("encoder", "decoder"))
    either = encoder or decoder
    read = {"merge": encoder, "bridge": decoder, "layer_norm": either, "recurrent_dropout": either}
    for name, default in _OF_LSTMS.items():
        if settings[name] != default and not read[name]:
            raise ValueError(
                f"`{name}` is of LSTMs and must be {default!r}, its default, with "
                f"encoder={settings['encoder']!r} and decoder={settings['decoder']!r}. "
                f"Received: {name}={settings[name]!r}."
            )


def check_ties(settings: Settings, width: int) -> None:
    """Checks that tied embeddings have one shape, and that outputs `width` wide fit them.

    Raises:
        ValueError: if they do not.
    """
    sizes = settings["source_vocabulary_size"], settings["target_vocabulary_size"]
    if settings["tie_embeddings"] == "all" and sizes[0] != sizes[1]:
        raise ValueError(
            "tie_embeddings='all' needs one joint vocabulary. Received: "
            f"source_vocabulary_size={sizes[0]}, target_vocabulary_size={sizes[1]}."
        )
    if settings["tie_embeddings"] != "none" and width != settings["embedding"]:
        raise ValueError(
            "tied embeddings need outputs as wide as the embeddings: set `attention_units` to "
            f"`embedding`. Received: outputs of {width}, embedding={settings['embedding']}."
        )
