"""The manifest of an export, and the check that every file matches it.

Functions that read the version folder of a SavedModel raise an `InputError` if a file is missing or
damaged.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from keras_attention._version import __version__
from keras_attention.decoding.automata.automaton import OUTPUTS_FILE, Automaton
from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.options import LONGEST, ServedOptions
from keras_attention.decoding.top_tokens import WIDEST
from keras_attention.errors import InputError
from keras_attention.files.artefacts import checksum_of, read_artefact
from keras_attention.files.schema import (
    JsonFile,
    declared,
    dictionary_of,
    flag,
    integer,
    list_of,
    optional,
    text,
)
from keras_attention.text.normalization import FORMS
from keras_attention.text.tokenizers import TOKENIZERS, CharacterTokenizer, Tokenizer, WordTokenizer
from keras_attention.text.unicode_version import UNICODE
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import SIDES, TextCodec

MANIFEST_FILE = Path("assets.extra") / "manifest.json"
"""Path of the manifest. Servers ignore `assets.extra`, except the warm-up requests in it."""

AUTOMATON_FILE = MANIFEST_FILE.with_name(OUTPUTS_FILE)

CODEC_FOLDER = MANIFEST_FILE.with_name("tokenizers")
"""The folder of the tokenizers' files, which exports of older versions lack. The graph has its own
tokenizers; these files are for glossaries and to find unknown tokens."""

FORMAT = 1
"""Version of the signatures and the manifest; a reader refuses a newer one."""

_TEXT = {
    "tokenizer": optional(text(TOKENIZERS)),
    "normalization": optional(text(FORMS)),
    "lowercase": optional(flag()),
    "strip": optional(flag()),
}
"""The keys that describe how the text of one side, source or target, is tokenized and normalized.
Older manifests lack some of these keys."""

_MANIFEST = JsonFile(
    "the manifest that `export` writes",
    {
        "files": dictionary_of(text()),
        "sizes": optional(dictionary_of(integer(0))),
        "vocabulary": {side: {"tokens": integer(1), **_TEXT} for side in SIDES},
        "versions": dictionary_of(text()),
        "compute": text(),
        "search": {
            **{known.key: declared(known) for known in ServedOptions.settings()},
            "max_length": optional(integer(1, LONGEST)),
        },
        "limits": {
            "batch": integer(1),
            "tokens": integer(1),
            "beam_width": integer(1, WIDEST),
        },
        "operators": dictionary_of(list_of(text())),
        "source_features": optional(dictionary_of(list_of(text()))),
    },
    FORMAT,
)
_PACKAGES = ("tensorflow", "keras", "tensorflow-text")


def describe(codec: TextCodec, **more: Any) -> dict[str, Any]:
    """Return the values of a manifest that are known before the export is written.

    Args:
        codec: the tokenizers and search settings.
        **more: further values for the manifest, such as `recipe` and `metric`.

    Returns:
        Values that `json.dumps` accepts.
    """
    return {
        "format": FORMAT,
        "keras_attention": __version__,
        "unicode": UNICODE,
        "versions": {"python": platform.python_version(), **_installed()},
        "vocabulary": {
            side: {
                "tokenizer": tokenizer.name,
                "normalization": tokenizer.normalizer.form,
                "lowercase": tokenizer.normalizer.lowercase,
                "strip": tokenizer.normalizer.strip,
                "tokens": len(tokenizer.vocabulary),
                "sha256": hashlib.sha256(tokenizer.to_bytes()).hexdigest(),
            }
            for side, tokenizer in zip(SIDES, (codec.source, codec.target), strict=True)
        },
        "source_features": codec.source.features.to_json(),
        **more,
    }


def write_manifest(folder: Path, described: Mapping[str, Any]) -> None:
    """Write the manifest of `folder`, with the checksum and the size of each file."""
    path = folder / MANIFEST_FILE
    path.parent.mkdir(exist_ok=True)
    files = _files(folder)
    values = {
        **described,
        "files": {name: checksum_of(file) for name, file in files.items()},
        "sizes": {name: file.stat().st_size for name, file in files.items()},
    }
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder after comparing every file with it.

    Raises:
        InputError: if the manifest is missing, damaged or of a different format, or a file is
            missing, damaged or not listed in it.
    """
    manifest = _read(folder)
    expected, found = manifest["files"], _files(folder)
    sizes = manifest.get("sizes", {})  # older versions did not write sizes
    for name in sorted({*expected, *found}):
        if name not in found:
            raise InputError(f"{folder}: {name} is missing; {MANIFEST_FILE} lists it.")
        if name not in expected:
            raise InputError(f"{folder}: unexpected file {name}; {MANIFEST_FILE} does not list it.")
        size = found[name].stat().st_size
        if sizes.get(name, size) != size or expected[name] != checksum_of(found[name]):
            raise InputError(
                f"{folder / name}: damaged or changed: its checksum or its size does not match "
                f"{MANIFEST_FILE}."
            )
    return manifest


def read_target_form(folder: Path) -> Tokenizer | None:
    """Return a tokenizer with an empty vocabulary and the `written_form` of an export's target.

    For subwords it is a word tokenizer, because both write single spaces between words. Return None
    if an older version wrote the manifest without these settings.
    """
    target = _read(folder)["vocabulary"]["target"]
    if not target.keys() >= _TEXT.keys():
        return None
    kind = CharacterTokenizer if target["tokenizer"] == CharacterTokenizer.name else WordTokenizer
    return kind(
        Vocabulary([]),
        normalization=target["normalization"],
        lowercase=target["lowercase"],
        strip=target["strip"],
    )


def read_confidence(folder: Path) -> Confidence:
    """Return the temperature and the threshold that an export stores."""
    return Confidence.from_manifest(_read(folder), str(folder / MANIFEST_FILE))


def read_codec(folder: Path) -> TextCodec | None:
    """Return the tokenizers and settings of an export, or None if an older version wrote it."""
    path = folder / CODEC_FOLDER
    if not path.is_dir():
        return None
    return TextCodec.from_folder(path)


def read_limit(folder: Path) -> dict[str, Any]:
    """Return the limit on the outputs of an export: `pattern`, or `allowed`, a number of texts.

    The result is empty if the export has no limit.
    """
    limit: dict[str, Any] = _read(folder).get("outputs", {})
    return limit


def read_automaton(folder: Path) -> Automaton | None:
    """Return the automaton of the outputs that an export is limited to; None without a limit."""
    path = folder / AUTOMATON_FILE
    if not path.exists():
        return None
    size = _read(folder)["vocabulary"]["target"]["tokens"]
    return Automaton.from_bytes(read_artefact(path), str(path), size)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_FILE
    if not path.exists():
        raise InputError(
            f"{folder}: not exported by keras-attention, or incomplete: {MANIFEST_FILE} is missing."
        )
    manifest = _MANIFEST.parse(read_artefact(path), str(path))
    Confidence.from_manifest(manifest, str(path))
    return manifest


def _files(folder: Path) -> dict[str, Path]:
    """Return every file except the manifest, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path
        for path in files
        if path != folder / MANIFEST_FILE
    }


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
