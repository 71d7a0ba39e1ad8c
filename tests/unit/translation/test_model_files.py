"""Errors about the files of a trained model."""

import pytest

from keras_attention.errors import InputError
from keras_attention.translation.model_files import load_codec


def test_the_error_for_a_tflite_file_names_the_class_that_loads_it(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"Received: a file\. Load it with .*DeviceTranslator"):
        load_codec(path)
