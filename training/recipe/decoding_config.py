"""The section `[decoding]` of a recipe: the default search options."""

from __future__ import annotations

from dataclasses import dataclass

from keras_attention.decoding.options import StoredOptions
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.settings.setting import redeclare

from .settings import Section


@dataclass(frozen=True)
class DecodingConfig(Section, StoredOptions):
    """The model's default search options, used in validation and by its exports."""

    section = "decoding"
    max_length: int = redeclare(
        SearchSettings,
        "max_length",
        default=0,
        minimum=0,
        doc="largest number of tokens of an output, including </s> (0 = data.max_target_length)",
    )
    replace_unknown: bool = redeclare(
        SearchSettings,
        "replace_unknown",
        doc="replace each <unk> with the source token that has the largest attention weight; "
        "always on with model.copying",
    )
