"""Which settings each attention mechanism reads, and which of them no mechanism can be made of.

The mechanisms refuse the latter too, but when they are made, once data is read; and with Keras.
"""

from collections.abc import Mapping
from typing import Any

from keras_attention.errors import SettingError

_ADDITIVE = ("normalize", "attention_units", "mapping")
_LUONG = ("score", "scale", "mapping")
_READ_BY_ATTENTION: dict[str, tuple[str, ...]] = {
    "bahdanau": _ADDITIVE,
    "luong": _LUONG,
    "local-m": ("content", "window"),
    "local-p": ("content", "window"),
    "location-aware": _ADDITIVE,
    "coverage": _ADDITIVE,
    "monotonic": ("content",),
    "chunkwise": ("content", "window"),
    "multi-head": ("content", "heads", "attention_units"),
    "external-memory": ("attention_units", "mapping"),
    "peeky": (),
    "none": (),
}
_READ_BY_PAPERS_SCORE = {
    "local-m": _LUONG,
    "local-p": _LUONG,
    "monotonic": ("attention_units", "mapping"),
    "chunkwise": ("attention_units", "mapping"),
    "multi-head": ("mapping",),
}
_READ_BY_SCORE = {"bahdanau": _ADDITIVE, "luong": _LUONG}

OF_MECHANISMS = frozenset({"content", "window", *_ADDITIVE, *_LUONG}) - {"attention_units"}
"""The settings that nothing but a mechanism reads."""


def read_by_attention(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the settings that the mechanism is made of."""
    attention = settings["attention"]
    read = set(_READ_BY_ATTENTION[attention])
    if "content" in read:
        papers = _READ_BY_PAPERS_SCORE[attention]
        read |= set(_READ_BY_SCORE.get(settings["content"], papers))
    if "score" in read and settings["score"] == "concat":
        read.add("attention_units")
    return frozenset(read)


def check_mechanism(settings: Mapping[str, Any]) -> None:
    """Check that settings are a mechanism together.

    Raises:
        SettingError: if they are not.
    """
    attention, mapping = settings["attention"], settings["mapping"]
    if attention in ("monotonic", "chunkwise") and mapping != "softmax":
        raise SettingError(
            "mapping",
            f"must be 'softmax' with attention={attention!r}, which has a mapping of its own. "
            f"Received: mapping={mapping!r}.",
        )
    name = "attention_units" if settings["attention_units"] else "units"
    if attention == "multi-head" and settings[name] % settings["heads"]:
        raise SettingError(
            name,
            "must be a multiple of `heads` with attention='multi-head'. "
            f"Received: {name}={settings[name]}, heads={settings['heads']}.",
        )
