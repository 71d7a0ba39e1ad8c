"""Writes the model and the TFLite files for the benchmarks of latency and start."""

from __future__ import annotations

from pathlib import Path

from keras_attention.export.tflite.conversion import FLOAT32, INT8, Converted
from keras_attention.translation.translator import Translator


def write_all(translator: Translator, folder: Path) -> list[str]:
    """Save the model, and export it in float32 and in dynamic int8."""
    translator.save(folder / "model")
    converted, precisions = Converted.of(translator), [FLOAT32, INT8]
    for precision in precisions:
        converted.write(folder / f"{precision}.tflite", precision)
    return precisions
