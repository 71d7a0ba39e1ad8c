"""The device's runtime: runs the TFLite file with `ai-edge-litert` and `numpy` alone."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.errors import InputError
from keras_attention.files import read_bytes
from keras_attention.text.codec import TextCodec
from keras_attention.translation import Translation
from keras_attention.vocabulary import PAD_ID

SIGNATURE = "greedy"
CHECKSUM_FILE = "model.crc32"


class DeviceTranslator:
    """The TFLite file behind the translator's own call; imports no TensorFlow and no Keras.

    Args:
        content: the whole file.
        name: its name, for error messages.
        threads: CPU threads of the runtime, a positive integer.

    Raises:
        InputError: if the file is damaged or another model's.

    Example:
        translator = DeviceTranslator.load("saved_models/dates/dates.tflite")
        translator(["march 27, 2016"])[0].text
    """

    def __init__(self, content: bytes, name: str = "model", *, threads: int = 1) -> None:
        self.name = name
        self.codec = _read_codec(content, name)
        self._interpreter = _make_interpreter(content, name, threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 1) -> DeviceTranslator:
        """Reads a file that `export` wrote.

        Raises:
            InputError: if it is missing, damaged or another model's.
        """
        return cls(read_bytes(path), str(path), threads=threads)

    def __call__(self, texts: Iterable[str]) -> list[Translation]:
        """Translates `texts` in order, one at a time.

        Raises:
            InputError: if a text has more tokens than the file takes.
        """
        return [self._translate(text) for text in texts]

    def _translate(self, text: str) -> Translation:
        outputs = self._run(source=self._source(text))
        arrays = [outputs[name][:, np.newaxis] for name in ("tokens", "score", "alignment")]
        return self.codec.translations([text], *arrays)[0]

    def fits(self, text: str) -> bool:
        """Whether `text` has no more tokens than the file takes."""
        return len(self.codec.source.encode(text)) <= self.codec.settings.max_source_length

    def _source(self, text: str) -> Any:
        ids, limit = self.codec.source.encode(text), self.codec.settings.max_source_length
        if len(ids) > limit:
            raise InputError(
                f"{self.name}: takes at most {limit} tokens with </s>. "
                f"Received: {len(ids)} tokens, {text[:40]!r}..."
            )
        source = np.full((1, limit), PAD_ID, "int32")
        source[0, : len(ids)] = ids
        return source


def _read_codec(content: bytes, name: str) -> TextCodec:
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
    if files.pop(CHECKSUM_FILE, None) != checksum(content[:size]):
        raise InputError(f"{name}: damaged or not one of ours, its checksum is another.")
    return TextCodec.from_files(files, name)


def checksum(model: bytes) -> bytes:
    """What the file says of its own first part: the runtime may crash on damage, or not see it."""
    return f"{zlib.crc32(model):08x}\n".encode()


def _make_interpreter(content: bytes, name: str, threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise InputError(
            "running a TFLite file needs ai-edge-litert: pip install 'keras-attention[device]'."
        ) from None
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        signatures = interpreter.get_signature_list()
    except (ValueError, RuntimeError):
        raise InputError(f"{name}: damaged, the TFLite runtime cannot read it.") from None
    if SIGNATURE not in signatures:
        raise InputError(f"{name}: has no signature {SIGNATURE!r}; was it exported by us?")
    return interpreter
