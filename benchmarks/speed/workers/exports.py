"""Writes the model and the TFLite files for the benchmarks of search, latency and start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_attention.export.tflite.conversion import FLOAT32, INT8, Converted
from keras_attention.translation.translator import Translator


def write_all(translator: Translator, folder: Path, batch_sizes: Sequence[int] = (1,)) -> list[str]:
    """Save the model, and export it in float32 and in dynamic int8, for each batch size."""
    translator.save(folder / "model")
    written = []
    for size in batch_sizes:
        converted = Converted.of(translator, batch_size=size)
        for precision in (FLOAT32, INT8):
            name = precision if size == 1 else f"{precision}-{size}"
            converted.write(folder / f"{name}.tflite", precision)
            written.append(name)
    return written
