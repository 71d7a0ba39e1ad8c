"""The attention that a recipe names: what it reads, what it refuses, and the layer itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras_attention.attention.registry import MECHANISMS
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.attention.base.attention_mechanism import AttentionMechanism

    from .sections import ModelConfig


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
    settings = {**_settings(config), "max_source_length": max_source_length}
    return MECHANISMS[config.attention].build(settings, dtype=policy)


def read_by_attention(config: ModelConfig) -> frozenset[str]:
    """Return the names of the settings that the mechanism is built from."""
    return MECHANISMS[config.attention].reads(_settings(config))


def has_alignment(config: ModelConfig) -> bool:
    """Return whether the model has weights that say where it looks."""
    return MECHANISMS[config.attention].alignment


def check_attention(config: ModelConfig) -> None:
    """Check the rules of the mechanism.

    Raises:
        InputError: if the settings break one.
    """
    settings = _settings(config)
    for names, rule in MECHANISMS[config.attention].rules.items():
        try:
            rule(*(settings[name] for name in names))
        except ValueError as error:
            own = ["units" if _is_units(config, name) else name for name in names]
            keys = " and ".join(f"`model.{name}`" for name in own)
            raise InputError(f"{keys} with model.attention={config.attention!r}: {error}") from None


def _settings(config: ModelConfig) -> dict[str, Any]:
    units = config.attention_units or config.units
    return {**dict(config.values()), "attention_units": units}


def _is_units(config: ModelConfig, name: str) -> bool:
    """Return whether a setting is left at its default, the value of `units`."""
    return name == "attention_units" and not config.attention_units
