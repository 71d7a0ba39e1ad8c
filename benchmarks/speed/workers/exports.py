"""What the latency and start benchmarks need on disk: a saved model and its TFLite files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow as tf

from keras_attention.export.device import SIGNATURE
from keras_attention.export.tflite import DeviceModule, export_tflite
from keras_attention.translator import Translator


def write_all(translator: Translator, folder: Path) -> list[str]:
    """Saves the model, and exports it in float32 and with dynamic int8."""
    translator.save(folder / "model")
    export_tflite(translator, folder / "float32.tflite")
    (folder / "int8.tflite").write_bytes(dynamic_int8(translator))
    return ["float32", "int8"]


def dynamic_int8(translator: Translator) -> bytes:
    """The same graph with int8 weights, activations quantised as they come.

    The export has no such variant of its own yet; this is the converter's.
    """
    module = DeviceModule(translator)
    signature = module.greedy.get_concrete_function()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        content: bytes = converter.convert()
    return content
