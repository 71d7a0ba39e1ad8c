"""The TFLite file as a whole: a flat buffer, then a zip archive with manifest and tokenizers."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_attention.decoding.automata.automaton import OUTPUTS_FILE, Automaton
from keras_attention.decoding.options import LARGEST_BATCH, LONGEST, WIDEST_BEAM
from keras_attention.errors import InputError, check_positive
from keras_attention.files.artefacts import check_archive
from keras_attention.files.schema import (
    JsonFile,
    dictionary_of,
    flag,
    integer,
    nullable,
    optional,
    text,
)
from keras_attention.text.text_limit import TextLimit, default_limit
from keras_attention.translation.codec import SIDES, TextCodec

MANIFEST_FILE = "manifest.json"
FORMAT = 1
"""Version of the signatures and the archive; a reader refuses a newer one."""

SIGNATURES = ("greedy", "beam", "encode", "decode_step")
"""The signatures of every file, for one source each."""

BATCHED = {"greedy": "greedy_batch", "beam": "beam_batch"}
"""The signatures for several sources, by the signature that does the same for one source."""

_MANIFEST = JsonFile(
    "the manifest.json that `export` appends",
    {
        "model_sha256": text(),
        "files": dictionary_of(text()),
        "precision": text(),
        "max_source_length": integer(1, LONGEST),
        "max_length": integer(1, LONGEST),
        "beam_width": integer(1, WIDEST_BEAM),
        "max_steps": optional(nullable(integer(1))),
        "any_length": optional(flag()),
        "batch_size": optional(integer(1, LARGEST_BATCH)),
        "vocabulary": {side: {"tokens": integer(1)} for side in SIDES},
    },
    FORMAT,
)


@dataclass(frozen=True)
class DeviceFile:
    """The contents of a file's archive.

    Attributes:
        codec: the tokenizers and search settings.
        manifest: the file's manifest.
        automaton: the automaton of the allowed outputs; None if all are allowed.
    """

    codec: TextCodec
    manifest: Mapping[str, Any]
    automaton: Automaton | None = None

    @property
    def batch_size(self) -> int:
        """Number of texts that the file searches together."""
        size: int = self.manifest.get("batch_size", 1)
        return size

    @property
    def least_tokens(self) -> int:
        """Number of tokens to which a source is padded.

        A file of version 0.1 accepts only sources of `max_source_length` tokens.
        """
        return 1 if self._any_length else self.codec.settings.max_source_length

    def text_limit(self, name: str, max_tokens: int | None = None) -> TextLimit:
        """Return the largest length of a text.

        Args:
            name: the file's name, for error messages.
            max_tokens: largest number of tokens. Default: 1024, or `max_source_length` if that is
                more; for a file of version 0.1, `max_source_length`.

        Raises:
            InputError: if `max_tokens` is more than `LONGEST`, or more than the file accepts.
            ValueError: if `max_tokens` is not a positive integer.
        """
        own = self.codec.settings.max_source_length
        if max_tokens is None:
            return TextLimit(default_limit(own) if self._any_length else own)
        limit, most = TextLimit(max_tokens), LONGEST if self._any_length else own
        if max_tokens > most:
            advice = "" if self._any_length else "; export the model again for texts of any length"
            raise InputError(
                f"{name}: expected a limit of at most {most} tokens for a text{advice}. "
                f"Received: {max_tokens}."
            )
        return limit

    @property
    def _any_length(self) -> bool:
        known: bool = self.manifest.get("any_length", False)
        return known


def source_lengths(codec: TextCodec) -> tuple[int, int]:
    """Return the declared number of ids of a source, and that number without source features."""
    source = codec.settings.max_source_length
    return source, source - len(codec.source.features)


def check_batch_size(batch_size: int) -> None:
    """Check the number of texts to search together with a file.

    Raises:
        ValueError: if it is not an integer from 1 to `LARGEST_BATCH`.
    """
    check_positive(batch_size=batch_size)
    if batch_size > LARGEST_BATCH:
        raise ValueError(
            f"`batch_size` must be at most {LARGEST_BATCH}. Received: batch_size={batch_size}."
        )


def write_device_file(
    path: Path,
    model: bytes,
    codec: TextCodec,
    described: Mapping[str, Any],
    automaton: Automaton | None = None,
) -> None:
    """Write a flat buffer and its archive to one file.

    Args:
        path: the file to write.
        model: the flat buffer.
        codec: the tokenizers and search settings.
        described: values of the manifest, without the format and the checksums.
        automaton: the automaton of the allowed outputs, as in the flat buffer; None for no limit.
    """
    path.write_bytes(model)
    files = codec.to_files()
    if automaton is not None:
        files[OUTPUTS_FILE] = automaton.to_bytes()
    manifest = {
        **described,
        "format": FORMAT,
        "model_sha256": _checksum(model),
        "files": {name: _checksum(stored) for name, stored in files.items()},
    }
    text = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    with zipfile.ZipFile(path, "a") as archive:
        for name, stored in {MANIFEST_FILE: text, **files}.items():
            # `ZipInfo` has a fixed time stamp, so that equal models produce equal files.
            archive.writestr(zipfile.ZipInfo(name), stored)


def check_not_folder(path: Path) -> None:
    """Check that a path is not a folder; the error names the TFLite files in it.

    Raises:
        InputError: if it is a folder.
    """
    if path.is_dir():
        files = ", ".join(sorted(map(str, path.glob("*.tflite"))))
        use = f"; use one of {files}" if files else ""
        raise InputError(f"{path}: expected a .tflite file. Received: a folder{use}.")


def read_device_file(file_bytes: bytes, name: str) -> DeviceFile:
    """Check a file and read the archive after its flat buffer.

    Args:
        file_bytes: the whole file.
        name: the file's name, for error messages.

    Raises:
        InputError: if the file is damaged, of a different format, or not exported by
            keras-attention.
    """
    if file_bytes[4:8] != b"TFL3":
        raise InputError(
            f"{name}: expected a TFLite file, with b'TFL3' at byte 4. "
            f"Received: {file_bytes[4:8]!r}."
        )
    files, size = _read_archive(file_bytes, name)
    manifest = _MANIFEST.parse(files.pop(MANIFEST_FILE, b""), name)
    # The runtime may crash on a damaged file, or not notice the damage.
    found = {name: _checksum(stored) for name, stored in files.items()}
    whole = manifest["model_sha256"] == _checksum(file_bytes[:size])
    if not whole or manifest["files"] != found:
        raise InputError(
            f"{name}: damaged, or not exported by keras-attention: "
            f"its checksums do not match {MANIFEST_FILE}."
        )
    codec = TextCodec.from_files(files, name)
    _check_codec(codec, manifest, name)
    return DeviceFile(codec, manifest, _read_automaton(files, codec, name))


def _read_automaton(files: Mapping[str, bytes], codec: TextCodec, name: str) -> Automaton | None:
    if OUTPUTS_FILE not in files:
        return None
    size = len(codec.target.vocabulary)
    return Automaton.from_bytes(files[OUTPUTS_FILE], f"{name}/{OUTPUTS_FILE}", size)


def _read_archive(file_bytes: bytes, name: str) -> tuple[dict[str, bytes], int]:
    """Return the files in the archive, and the size of the flat buffer before it."""
    try:
        with zipfile.ZipFile(io.BytesIO(file_bytes)) as archive:
            check_archive(archive, name)
            files = {item.filename: archive.read(item) for item in archive.infolist()}
            return files, min(item.header_offset for item in archive.infolist())
    except InputError:
        raise
    except Exception:  # zipfile raises various errors for a damaged file
        raise InputError(
            f"{name}: truncated, or not exported by keras-attention: "
            "the tokenizers at its end are missing."
        ) from None


def _check_codec(codec: TextCodec, manifest: Mapping[str, Any], name: str) -> None:
    """Check that the manifest agrees with the tokenizers and the search settings."""
    declared = [manifest["vocabulary"][side]["tokens"] for side in SIDES]
    declared += [manifest[length] for length in ("max_source_length", "max_length")]
    settings = codec.settings
    found = [len(codec.source.vocabulary), len(codec.target.vocabulary)]
    found += [settings.max_source_length, settings.max_length]
    names = ("source tokens", "target tokens", "max_source_length", "max_length")
    for what, expected, received in zip(names, declared, found, strict=True):
        if expected != received:
            raise InputError(
                f"{name}: damaged, expected {expected} {what}, as in its manifest. "
                f"Received: {received}."
            )


def _checksum(file_bytes: bytes) -> str:
    return hashlib.sha256(file_bytes).hexdigest()
