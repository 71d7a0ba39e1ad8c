"""`search`, `encode` and `step` in onnxruntime, compared with the Keras model."""

import os
import sys

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from variants import TEXTS

from keras_attention import InputError
from keras_attention.export.graphs import model_functions
from keras_attention.export.onnx import (
    CATCH_ERRORS,
    ENCODE_FILE,
    SEARCH_FILE,
    STEP_FILE,
    export_onnx,
)
from keras_attention.translation.codec import TextCodec

# Use one variant for each kind of decoder state, and a beam search with constraints. The graphs
# contain no tokenizers.
STATES = ("bahdanau", "gnmt over a memory", "transformer", "words")
pytestmark = [
    pytest.mark.parametrize(
        "variant_name", STATES, indirect=True, scope="session", ids="variant {}".format
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="session")
def folder(variant, variant_name, build):
    return build(f"ONNX of {variant_name}", lambda new: export_onnx(variant, new / "onnx")) / "onnx"


def run(path, **given):
    session = onnxruntime.InferenceSession(path)
    taken = {tensor.name for tensor in session.get_inputs()}
    names = [tensor.name for tensor in session.get_outputs()]
    outputs = session.run(None, {name: given[name] for name in taken})
    return dict(zip(names, outputs, strict=True))


def test_the_search_of_an_onnx_file_equals_the_translators(variant, folder):
    found = run(folder / SEARCH_FILE, source=variant.codec.encode(TEXTS))
    outputs = (found[name][:, None] for name in ("tokens", "score", "alignment"))
    expected = variant(TEXTS)
    for one, other in zip(variant.codec.translations(TEXTS, *outputs), expected, strict=True):
        assert one.tokens == other.tokens
        assert one.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-4)


def test_onnx_steps_equal_the_models_steps(variant, folder):
    source = variant.codec.encode(["a b", "the cat sat on", "가"])
    encoded = run(folder / ENCODE_FILE, source=source)
    expected = model_functions.encode(variant.single_model, tf.constant(source))
    compare(encoded, expected)
    token = np.array([1, 1, 1], "int32")
    for _ in range(3):
        outputs = run(folder / STEP_FILE, token=token, source=source, **encoded)
        inputs = {name: tf.constant(array) for name, array in encoded.items()}
        expected = model_functions.step(
            variant.single_model, tf.constant(token), tf.constant(source), **inputs
        )
        compare({name.removeprefix("next_"): outputs[name] for name in outputs}, expected)
        token = outputs["log_probabilities"].argmax(axis=1).astype("int32")
        state = {name: outputs[f"next_{name}"] for name in encoded if name.startswith("state_")}
        encoded = {**encoded, **state}


def compare(actual, expected):
    assert set(actual) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(actual[name], tensor, atol=1e-4, err_msg=name)


def test_the_tokenizers_are_in_the_same_folder(variant, folder):
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".onnx"}
    assert TextCodec.from_files(files, "folder").encode(["cat"]).tolist() == (
        variant.codec.encode(["cat"]).tolist()
    )


def test_a_missing_converter_is_reported(variant, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match="ONNX export requires the package tf2onnx"):
        export_onnx(variant, tmp_path / "onnx")
    assert not list(tmp_path.iterdir())


def test_the_converter_does_not_change_the_environment(folder):
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "2"  # the value set in tests/conftest.py
    assert CATCH_ERRORS not in os.environ
