"""What the latency and start benchmarks need on disk: a saved model and its TFLite files."""

from __future__ import annotations

from pathlib import Path

from keras_attention.export.tflite import Converted
from keras_attention.translator import Translator


def write_all(translator: Translator, folder: Path) -> list[str]:
    """Saves the model, and exports it in float32 and with dynamic int8."""
    translator.save(folder / "model")
    converted = Converted.of(translator)
    names = ["float32", "int8"]
    for name in names:
        converted.write(folder / f"{name}.tflite", name)
    return names
