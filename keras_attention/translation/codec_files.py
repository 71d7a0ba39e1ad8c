"""The files of a codec: its tokenizers, and a file with their settings and those of its search."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.files.schema import (
    JsonFile,
    Keys,
    declared,
    dictionary_of,
    flag,
    list_of,
    optional,
    text,
)
from keras_attention.text.normalization import FORMS
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizers import TOKENIZERS, Tokenizer
from keras_attention.text.unicode_version import UNICODE
from keras_attention.translation.file_names import SETTINGS_FILE

SIDES = ("source", "target")
CODEC_FILES = (
    SETTINGS_FILE,
    *dict.fromkeys(f"{side}.{kind.file}" for kind in TOKENIZERS.values() for side in SIDES),
)
"""All files that a codec may have; its tokenizers and a joint vocabulary decide which exist."""

FORMAT = 1
"""Version of the files' format; a reader rejects every other version."""

_FIRST = ("max_source_length", "max_length", "beam_width", "length_penalty")
"""The search settings that every file has, because the first version already wrote them."""

_DEFAULTS = {
    "source_normalization": "nfc",
    "target_normalization": "nfc",
    "source_lowercase": False,
    "target_lowercase": False,
    "source_strip": False,
    "target_strip": False,
    "joint_vocabulary": False,
    **{known.key: known.default for known in SearchSettings.settings() if known.key not in _FIRST},
}
"""The values of settings that an older file lacks."""

_SEARCH_KEYS: Keys = {
    known.key: declared(known) if known.key in _FIRST else optional(declared(known))
    for known in SearchSettings.settings()
}
"""The fields of `SearchSettings` in a file."""

_SETTINGS = JsonFile(
    "the settings that `train` writes",
    {
        "source_tokenizer": text(TOKENIZERS),
        "target_tokenizer": text(TOKENIZERS),
        "source_normalization": optional(text(FORMS)),
        "target_normalization": optional(text(FORMS)),
        **{f"{side}_{name}": optional(flag()) for side in SIDES for name in ("lowercase", "strip")},
        "unicode": optional(text()),
        "joint_vocabulary": optional(flag()),
        "source_features": optional(dictionary_of(list_of(text()))),
        **_SEARCH_KEYS,
    },
    FORMAT,
)


def make_files(
    source: Tokenizer, target: Tokenizer, settings: SearchSettings, *, joint: bool
) -> dict[str, bytes]:
    """Return the contents of a codec's files by name.

    Args:
        source: the tokenizer of the sources.
        target: the tokenizer of the targets.
        settings: settings of the model's search and of its output.
        joint: whether both tokenizers have the same vocabulary, which is then stored only once, in
            the source's file.
    """
    stored: dict[str, Any] = {"format": FORMAT, "unicode": UNICODE}
    files: dict[str, bytes] = {}
    for side, tokenizer in zip(SIDES, (source, target), strict=True):
        stored[f"{side}_tokenizer"] = tokenizer.name
        stored[f"{side}_normalization"] = tokenizer.normalizer.form
        stored[f"{side}_lowercase"] = tokenizer.normalizer.lowercase
        stored[f"{side}_strip"] = tokenizer.normalizer.strip
        if side == "source" or not joint:
            files[f"{side}.{tokenizer.file}"] = tokenizer.to_bytes()
    stored |= {"joint_vocabulary": joint, **asdict(settings)}
    if source.features:  # left out otherwise, so that older versions can read the file
        stored["source_features"] = source.features.to_json()
    return {SETTINGS_FILE: (json.dumps(stored, indent=2) + "\n").encode(), **files}


def read_files(
    files: Mapping[str, bytes], where: str
) -> tuple[Tokenizer, Tokenizer, SearchSettings]:
    """Return the tokenizers and the settings in the result of `make_files`.

    Raises:
        InputError: if a file is missing, damaged or of a newer format.
    """
    settings = _read_settings(_find(files, SETTINGS_FILE, where), f"{where}/{SETTINGS_FILE}")
    joint = settings.pop("joint_vocabulary")
    features = {"source": _features(settings.pop("source_features", {}), where)}

    def read(side: str) -> Tokenizer:
        kind = TOKENIZERS[settings.pop(f"{side}_tokenizer")]
        name = f"{'source' if joint else side}.{kind.file}"
        return kind.from_bytes(
            _find(files, name, where),
            where=f"{where}/{name}",
            normalization=settings.pop(f"{side}_normalization"),
            lowercase=settings.pop(f"{side}_lowercase"),
            strip=settings.pop(f"{side}_strip"),
            features=features.get(side),
        )

    source, target = map(read, SIDES)
    try:
        return source, target, SearchSettings(**settings)
    except ValueError as error:
        raise InputError(
            f"{where}/{SETTINGS_FILE}: damaged, expected valid search settings: {error}"
        ) from None


def _find(files: Mapping[str, bytes], name: str, where: str) -> bytes:
    if name not in files:
        raise InputError(
            f"{where}: expected a model that keras-attention trained. Received: {name} is missing."
        )
    return files[name]


def _features(values: Mapping[str, list[str]], where: str) -> SourceFeatures:
    try:
        return SourceFeatures(values)
    except InputError as error:
        raise InputError(f"{where}/{SETTINGS_FILE}: damaged, {error}") from None


def _read_settings(file_bytes: bytes, where: str) -> dict[str, Any]:
    """Return the settings in a file, with defaults for missing ones.

    An unknown key is an error, because it might change the model's outputs.
    """
    settings = _SETTINGS.parse(file_bytes, where)
    damaged = f"{where}: damaged, expected {_SETTINGS.name}"
    if unknown := settings.keys() - {"format", *_SETTINGS.keys}:
        raise InputError(f"{damaged} without unknown keys. Received: `{min(unknown)}`.")
    if (unicode := settings.pop("unicode", UNICODE)) != UNICODE:
        raise InputError(
            f"{where}: expected text normalized with Unicode {UNICODE}, the only version that "
            f"keras-attention supports. Received: {unicode}."
        )
    settings = {**_DEFAULTS, **settings}
    del settings["format"]
    names = [settings[f"{side}_tokenizer"] for side in SIDES]
    if settings["joint_vocabulary"] and len(set(names)) > 1:
        raise InputError(
            f"{damaged} with equal tokenizers because `joint_vocabulary` is true. "
            f"Received: {names[0]} and {names[1]}."
        )
    return settings


def take_fingerprint(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the settings in a codec's files, and a digest of each of its other files."""
    digests = {
        name: hashlib.sha256(file_bytes).hexdigest()
        for name, file_bytes in files.items()
        if name != SETTINGS_FILE
    }
    return {SETTINGS_FILE: json.loads(files[SETTINGS_FILE]), **digests}


def changed_file(files: Mapping[str, bytes], fingerprint: Any) -> str:
    """Return the name of a file that differs from a fingerprint, or "" if no file differs.

    The fingerprint may come from an older version of this library.
    """
    stored = fingerprint.get(SETTINGS_FILE) if isinstance(fingerprint, dict) else None
    if not isinstance(stored, dict):
        return ""
    own, expected = take_fingerprint(files), {**fingerprint, SETTINGS_FILE: {**_DEFAULTS, **stored}}
    # Compare the settings last: another kind of tokenizer changes both the settings and other
    # files, and the names of the other files are more useful in an error.
    names = sorted({*own, *expected}, key=lambda name: (name == SETTINGS_FILE, name))
    return next((name for name in names if own.get(name) != expected.get(name)), "")
