"""The function that builds the attention mechanism of a recipe's `[model]` section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .sections import ModelConfig

if TYPE_CHECKING:
    from keras_attention.attention.base.attention_mechanism import AttentionMechanism


def build_attention(
    config: ModelConfig, max_source_length: int, policy: str = "float32"
) -> AttentionMechanism | None:
    """Return the attention mechanism that a recipe names, or `None` for `attention = "none"`.

    Args:
        config: the recipe's `[model]` section.
        max_source_length: the number of source positions that the location score covers.
        policy: the dtype policy of the mechanism.

    Raises:
        ValueError: if an argument of the layer is invalid.
    """
    settings = {**config.mechanism_settings, "max_source_length": max_source_length}
    return config.mechanism.build(settings, dtype=policy)
