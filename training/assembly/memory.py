"""The warning about a model that is larger than the machine's memory."""

from __future__ import annotations

import logging
import os

from keras_attention.translation.codec import TextCodec

from ..recipe.model_config import ModelConfig

WEIGHT_BYTES = 4
_TRAINED_BYTES = 4 * WEIGHT_BYTES
"""Bytes for a weight, its gradient and Adam's two moments."""

_logger = logging.getLogger(__name__)


def warn_of_memory(name: str, config: ModelConfig, codec: TextCodec) -> None:
    """Warn, before a model is built, if training it needs more memory than the machine has."""
    if not hasattr(os, "sysconf"):
        return
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    least = config.least_parameters(len(codec.source.vocabulary), len(codec.target.vocabulary))
    if least * _TRAINED_BYTES > available:
        _logger.warning(
            "%s: the model has over %.1f billion parameters, which need over %.0f GB of memory in "
            "training; this machine has %.0f GB.",
            name,
            least / 1e9,
            least * _TRAINED_BYTES / 1e9,
            available / 1e9,
        )
