"""What the latency and start benchmarks need on disk: a saved model and its TFLite files."""

from __future__ import annotations

from pathlib import Path

from keras_attention.export.tflite.conversion import FLOAT32, INT8, Converted
from keras_attention.translation.translator import Translator


def write_all(translator: Translator, folder: Path) -> list[str]:
    """Saves the model, and exports it in float32 and with dynamic int8."""
    translator.save(folder / "model")
    converted, precisions = Converted.of(translator), [FLOAT32, INT8]
    for precision in precisions:
        converted.write(folder / f"{precision}.tflite", precision)
    return precisions
