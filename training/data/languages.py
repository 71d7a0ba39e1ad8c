"""The files of several languages, and the source features that their sources carry."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from ..recipe.data_config import DataConfig
from ..recipe.languages import LANGUAGES, feature_names, list_codes


def each_language(config: DataConfig) -> Iterator[DataConfig]:
    """Yield the section for each combination of languages, with one code in each setting."""
    codes = list_codes(config.language), list_codes(config.target_language)
    for language, target_language in itertools.product(*codes):
        yield replace(config, language=language, target_language=target_language)


def given_features(config: DataConfig) -> dict[str, str]:
    """Return the features that a section with single codes gives to all of its sources."""
    codes = {name: getattr(config, name) for name in LANGUAGES}
    names = feature_names(config.source_features)
    return {name: codes[name] for name in names if codes.get(name)}
