"""Rules for combinations of arguments, shared by layers, models and recipes."""

from typing import Any

from keras_attention.errors import SettingError
from keras_attention.settings.arguments import checked_choice, checked_rate, checked_units

PLACEMENTS = ("before", "after")
MERGES = ("concat", "sum")
BRIDGES = ("dense", "copy", "zero")
FEATURE_MERGES = ("concat", "sum")

MAPPING_NAMES = ("softmax", "sparsemax", "entmax15")
"""The names of the mappings from scores to weights, and from logits to probabilities."""

STATE_PARTS = {"lstm": 2, "gru": 1}
"""The number of state tensors of each kind of recurrent layer: `(h, c)` or `(h,)`."""

RNNS = tuple(STATE_PARTS)


def check_rnn(rnn: str, layer_norm: bool) -> None:
    """Check the kind of a recurrent layer."""
    checked_choice(rnn, "rnn", RNNS)
    if layer_norm and rnn != "lstm":
        raise SettingError(
            "layer_norm", f"requires rnn='lstm'. Received: layer_norm={layer_norm}, rnn={rnn!r}."
        )


def direction_units(width: int, merge: str) -> int:
    """Return the units of each direction of an encoder whose memory is `width` wide.

    Raises:
        SettingError: if `merge` is not one of `MERGES`, or if it is 'concat' and `width` is odd.
    """
    checked_choice(merge, "merge", MERGES)
    if merge == "sum":
        return width
    if width % 2:
        raise SettingError("units", f"must be even with merge='concat'. Received: units={width}.")
    return width // 2


def check_transformer_width(units: int, heads: int) -> None:
    """Check that the width of a Transformer suits its heads and its sinusoids."""
    if units % heads or units % 2:
        raise SettingError(
            "units",
            "of a Transformer must be even and a multiple of `heads`. "
            f"Received: units={units}, heads={heads}.",
        )


def checked_sizes(units: int, heads: int, feed_forward: int | None, dropout: float) -> int:
    """Check the sizes of a Transformer and return the width of its feed-forward layers.

    That width is `4 * units` if `feed_forward` is None.
    """
    checked_rate(dropout)
    check_transformer_width(checked_units(units), checked_units(heads, "heads"))
    return 4 * units if feed_forward is None else checked_units(feed_forward, "feed_forward")


def check_input_feeding(input_feeding: bool, attention: Any, placement: str) -> None:
    """Check that a decoder with input feeding computes an attentional vector."""
    if input_feeding and (attention is None or placement != "after"):
        raise SettingError(
            "input_feeding",
            "feeds the attentional vector to the next step, so it requires an `attention` with "
            "placement='after'. "
            f"Received: {'attention=None' if attention is None else f'placement={placement!r}'}.",
        )
