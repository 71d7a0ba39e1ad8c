"""TFLite: ids in; ids, score and alignment out, in built-in operators alone."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf

from keras_attention.files import write_atomically
from keras_attention.model_files import copy_for_inference
from keras_attention.translator import Translator

from .device import CHECKSUM_FILE, SIGNATURE, checksum
from .saved_model import raw_variables, search_best


def export_tflite(translator: Translator, path: str | Path) -> Path:
    """Writes one file that a phone, a browser or `DeviceTranslator` runs.

    The signature `greedy` takes `source`, int32 ids `[1, max_source_length]` closed by the end
    token and padded with 0, and gives `tokens` `[1, T]`, `score` `[1]` and `alignment`
    `[1, T, max_source_length]`. The tokenizers and a checksum are appended as a zip archive, which
    `zipfile` reads and the TFLite runtimes ignore.

    Args:
        translator: a trained translator.
        path: the file to write.

    Returns:
        The path of the file.
    """
    path = Path(path)
    content = convert(translator)
    with write_atomically(path) as beside:
        beside.write_bytes(content)
        with zipfile.ZipFile(beside, "a") as archive:
            files = {**translator.codec.to_files(), CHECKSUM_FILE: checksum(content)}
            for name, stored in files.items():
                # A fixed time stamp: equal models give equal files.
                archive.writestr(zipfile.ZipInfo(name), stored)
    return path


def convert(translator: Translator) -> bytes:
    """The flat buffer, without the tokenizers."""
    model = copy_for_inference(translator.single_model)
    module = DeviceModule(Translator(model, translator.codec))
    signature = module.greedy.get_concrete_function()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content: bytes = converter.convert()
    return content


class DeviceModule(tf.Module):  # type: ignore[misc]
    """The raw variables of a translator, and greedy search over one source of fixed length.

    Of the model's own search settings those of beams have no say.

    Args:
        translator: a trained translator.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.weights = raw_variables(translator)
        model, settings = translator.single_model, translator.codec.settings
        options = settings.options(beam_width=1)

        def greedy(source: tf.Tensor) -> dict[str, tf.Tensor]:
            return search_best(model, source, options)

        shape = [1, settings.max_source_length]
        self.greedy = tf.function(
            greedy, input_signature=[tf.TensorSpec(shape, tf.int32, "source")], autograph=False
        )
