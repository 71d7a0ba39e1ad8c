"""Warns of a model that is larger than the machine's memory."""

from __future__ import annotations

import logging
import os

from keras_attention.translation.codec import TextCodec

from ..recipe.sections import ModelConfig

WEIGHT_BYTES = 4
_TRAINED_BYTES = 4 * WEIGHT_BYTES
"""A weight, its gradient and Adam's two moments."""

_logger = logging.getLogger(__name__)


def warn_of_memory(name: str, config: ModelConfig, codec: TextCodec) -> None:
    """Warns of a model that is larger than the machine's memory, before it is built.

    Args:
        name: the recipe's name.
        config: the recipe's section.
        codec: its tokenizers.
    """
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    least = config.least_parameters(len(codec.source.vocabulary), len(codec.target.vocabulary))
    if least * _TRAINED_BYTES > there:
        _logger.warning(
            "%s: over %.1f billion parameters, which take over %.0f GB in training; this machine "
            "has %.0f GB of memory.",
            name,
            least / 1e9,
            least * _TRAINED_BYTES / 1e9,
            there / 1e9,
        )
