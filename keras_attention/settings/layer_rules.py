"""What arguments of layers may be together; a layer, a model and a recipe check it alike."""

from typing import Any

from keras_attention.errors import SettingError
from keras_attention.settings.arguments import checked_choice, checked_rate, checked_units

PLACEMENTS = ("before", "after")
MERGES = ("concat", "sum")
BRIDGES = ("dense", "copy", "zero")

STATE_PARTS = {"lstm": 2, "gru": 1}
"""The kinds of recurrent layers, and how many tensors their state has: `(h, c)` or `(h,)`."""

RNNS = tuple(STATE_PARTS)


def check_rnn(rnn: str, layer_norm: bool) -> None:
    """Check the kind of a recurrent layer.

    Raises:
        SettingError: if it is none of `RNNS`, or a GRU is to be layer-normalised.
    """
    checked_choice(rnn, "rnn", RNNS)
    if layer_norm and rnn != "lstm":
        raise SettingError(
            "layer_norm", f"needs rnn='lstm'. Received: layer_norm={layer_norm}, rnn={rnn!r}."
        )


def direction_units(width: int, merge: str) -> int:
    """Return the width of each direction of an encoder, so that the memory is `width` wide.

    Raises:
        SettingError: if `merge` is not one of `MERGES`, or the width cannot be halved.
    """
    checked_choice(merge, "merge", MERGES)
    if merge == "sum":
        return width
    if width % 2:
        raise SettingError("units", f"must be even with merge='concat'. Received: units={width}.")
    return width // 2


def check_transformer_width(units: int, heads: int) -> None:
    """Check that heads share the width of a Transformer, and that sinusoids fit it.

    Raises:
        SettingError: if they do not.
    """
    if units % heads or units % 2:
        raise SettingError(
            "units",
            "of a Transformer must be even and a multiple of `heads`. "
            f"Received: units={units}, heads={heads}.",
        )


def checked_sizes(units: int, heads: int, feed_forward: int | None, dropout: float) -> int:
    """Return the width of a Transformer's feed-forward layers, by default four times `units`.

    Raises:
        SettingError: if a number is out of range, or the heads do not share the units evenly.
    """
    checked_rate(dropout)
    check_transformer_width(checked_units(units), checked_units(heads, "heads"))
    return 4 * units if feed_forward is None else checked_units(feed_forward, "feed_forward")


def check_input_feeding(input_feeding: bool, attention: Any, placement: str) -> None:
    """Check that a decoder that feeds the attentional vector back has one.

    Raises:
        SettingError: if `input_feeding` is set without attention after the LSTM.
    """
    if input_feeding and (attention is None or placement != "after"):
        raise SettingError(
            "input_feeding",
            "feeds the attentional vector, so it needs an `attention` with placement='after'. "
            f"Received: {'attention=None' if attention is None else f'placement={placement!r}'}.",
        )
