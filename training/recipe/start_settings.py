"""The settings that a fine-tuned model takes from the model it starts from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from keras_attention.errors import InputError

from .data_config import DataConfig
from .model_config import ModelConfig
from .text_config import TextConfig

_EMBEDDINGS = ("model.source_embeddings", "model.target_embeddings")
_FEATURES = "data.source_features"
_LEARNING = ("source_vocabulary_size", "target_vocabulary_size", "min_count")
"""Settings of `[text]` that decide which tokens are added to the vocabularies. A run may set values
other than those of the model."""


def start_settings(model: ModelConfig, text: TextConfig, data: DataConfig) -> dict[str, Any]:
    """Return the settings, by dotted key, that a run takes from its start model by default.

    These are the sections `[model]` and `[text]`, without the files of pretrained embeddings, and
    the names of the source features.
    """
    kept = {**model.by_key(), **text.by_key(), **dict.fromkeys(_EMBEDDINGS, "")}
    return {**kept, _FEATURES: data.source_features}


def check_start_settings(
    given: Mapping[str, Any], model: ModelConfig, text: TextConfig, data: DataConfig
) -> None:
    """Check that settings do not contradict those of the model that a run starts from.

    Dropout rates and the settings that decide which tokens are added may differ, and so may
    settings that the model does not use.

    Args:
        given: checked values by dotted key; keys of other settings are ignored.
        model: the `[model]` section of the run that trained the model.
        text: its `[text]` section.
        data: its `[data]` section.
    """
    for key in _EMBEDDINGS:
        if given.get(key):
            raise InputError(
                f"`{key}` cannot be used with --from, because the embeddings are those of the "
                f"model. Received: {key}={given[key]!r}."
            )
    for key, value in start_settings(model, text, data).items():
        if key in given and given[key] != value and not _may_differ(key, model):
            raise InputError(
                f"`{key}` must be {json.dumps(value)}, as in the model given with --from; leave it "
                f"out or set that value. Received: {key}={json.dumps(given[key])}."
            )


def _may_differ(key: str, model: ModelConfig) -> bool:
    name = key.rpartition(".")[2]
    return "dropout" in name or name in _LEARNING or name in model.ignored_settings
