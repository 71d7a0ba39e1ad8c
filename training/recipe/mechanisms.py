"""Build the attention mechanism that a recipe names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .sections import ModelConfig

if TYPE_CHECKING:
    from keras_attention.attention.base.attention_mechanism import AttentionMechanism


def build_attention(
    config: ModelConfig, max_source_length: int, policy: str = "float32"
) -> AttentionMechanism | None:
    """Return the mechanism that a recipe names, `None` for the fixed-vector model.

    Args:
        config: the section that names it.
        max_source_length: the most source positions that a score by location can reach.
        policy: its dtype policy.

    Raises:
        ValueError: if an argument of the layer is invalid.
    """
    settings = {**config.mechanism_settings, "max_source_length": max_source_length}
    return config.mechanism.build(settings, dtype=policy)
