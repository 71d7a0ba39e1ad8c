"""The files of a trained model."""

import keras
import pytest
from support import MECHANISMS

from keras_attention import QueryKeyValueAttention, ScaledDotProductAttention, Seq2Seq
from keras_attention.errors import InputError
from keras_attention.translation.model_files import copy_for_inference, is_narrow, load_codec


def test_the_error_for_a_tflite_file_names_the_class_that_loads_it(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"Received: a file\. Load it with .*DeviceTranslator"):
        load_codec(path)


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", MECHANISMS)
def test_no_layer_of_a_kept_model_computes_in_16_bits(name, mixed_precision):
    model = Seq2Seq(7, 7, units=8, embedding=4, attention=MECHANISMS[name]())
    model.build()
    assert is_narrow(model)
    assert not is_narrow(copy_for_inference(model))


def test_a_single_layer_in_16_bits_is_found():
    content = ScaledDotProductAttention(dtype="mixed_bfloat16")
    attention = QueryKeyValueAttention(content=content, key_units=4, heads=2)
    model = Seq2Seq(7, 7, units=8, embedding=4, attention=attention)
    model.build()
    assert model.compute_dtype == "float32"
    assert is_narrow(model)
    assert not is_narrow(copy_for_inference(model))
