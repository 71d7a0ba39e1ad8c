"""The TFLite file as a whole: a flat buffer, then a zip archive with all that text needs."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.files import parse_json
from keras_attention.text.codec import TextCodec

MANIFEST_FILE = "manifest.json"
FORMAT = 1
"""Version of signatures and archive; a reader refuses a newer one."""


@dataclass(frozen=True)
class DeviceFile:
    """What stands in a file beside its graphs.

    Attributes:
        codec: the tokenizers and search settings.
        manifest: what the file says of itself.
    """

    codec: TextCodec
    manifest: Mapping[str, Any]


def write_device_file(
    path: Path, model: bytes, codec: TextCodec, described: Mapping[str, Any]
) -> None:
    """Writes a file.

    Args:
        path: where.
        model: the flat buffer.
        codec: the tokenizers and search settings.
        described: what the manifest says beside the flat buffer's checksum.
    """
    path.write_bytes(model)
    files = codec.to_files()
    manifest = {
        **described,
        "format": FORMAT,
        "model_sha256": _checksum(model),
        "files": {name: _checksum(stored) for name, stored in files.items()},
    }
    text = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    with zipfile.ZipFile(path, "a") as archive:
        for name, stored in {MANIFEST_FILE: text, **files}.items():
            # A fixed time stamp: equal models give equal files.
            archive.writestr(zipfile.ZipInfo(name), stored)


def read_device_file(content: bytes, name: str) -> DeviceFile:
    """Checks a file and reads what stands behind the flat buffer.

    Args:
        content: the whole file.
        name: its name, for error messages.

    Raises:
        InputError: if it is damaged, another model's, or of another format.
    """
    if content[4:8] != b"TFL3":
        raise InputError(f"{name}: expected a TFLite file, found something else.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {item.filename: archive.read(item) for item in archive.infolist()}
            size = min(item.header_offset for item in archive.infolist())
    except Exception:  # zipfile raises whatever the damage causes
        raise InputError(
            f"{name}: truncated or not one of ours, the tokenizers at its end are missing."
        ) from None
    manifest = _read_manifest(files.pop(MANIFEST_FILE, b""), name)
    # The runtime may crash on damage, or not see it.
    found = {name: _checksum(stored) for name, stored in files.items()}
    whole = manifest.get("model_sha256") == _checksum(content[:size])
    if not whole or manifest.get("files") != found:
        raise InputError(f"{name}: damaged or not one of ours, its checksum is another.")
    return DeviceFile(TextCodec.from_files(files, name), manifest)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_manifest(content: bytes, name: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = parse_json(content)
        version = manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{name}: {MANIFEST_FILE} at its end is missing or damaged; export the model again."
        ) from None
    if version != FORMAT:
        raise InputError(
            f"{name}: format {version!r} is not known to this version, which reads {FORMAT}."
        )
    return manifest
