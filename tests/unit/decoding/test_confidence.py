import json
import math
import subprocess
import sys

import numpy as np
import pytest

from keras_attention.decoding.confidence import Confidence, confidences
from keras_attention.errors import InputError
from keras_attention.translation.result import Hypothesis, Translation

WEIGHTS = "crc32 01234567, 10 bytes"


def output(score, tokens=("x", "y", "</s>")):
    return Hypothesis("x y", score, tokens, np.zeros((len(tokens), 1), "float32"))


@pytest.mark.parametrize("temperature", [0.02, 0.3, 1.0, 4.0, 50.0])
def test_confidence_is_a_power_of_the_geometric_mean_of_token_probabilities(temperature):
    probabilities = [0.9, 0.5, 0.8]
    found = Confidence(temperature).of(output(math.log(math.prod(probabilities))))
    assert found == pytest.approx(math.prod(probabilities) ** (1 / 3 / temperature))


def test_the_confidence_of_a_translation_is_that_of_its_best_hypothesis():
    first, second = output(-0.3), output(-3.0)
    translation = Translation("a", ("a", "</s>"), (first, second))
    assert Confidence().of(translation) == Confidence().of(first) > Confidence().of(second)


def test_a_missing_output_has_confidence_0_and_a_certain_output_less_than_1():
    assert Confidence().of(Translation("a", ("a", "</s>"), ())) == 0
    assert 0.99999 < Confidence().of(output(0.0, ("</s>",))) < 1


def test_an_output_at_the_threshold_is_accepted():
    confidence = Confidence(threshold=confidences([-0.1])[0])
    assert confidence.accepts(output(-0.3))
    assert not confidence.accepts(output(-0.3001))
    with pytest.raises(ValueError, match="`accepts` requires a threshold"):
        Confidence().accepts(output(-0.3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be from 0.02 to 50.0. Received: 0.0."),
        ({"temperature": math.nan}, "`temperature` must be from 0.02 to 50.0. Received: nan."),
        ({"threshold": 1.1}, "`threshold` must be from 0 to 1. Received: 1.1."),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError) as error:
        Confidence(**values)
    assert str(error.value) == message


def test_a_file_is_read_back_only_for_the_same_weights():
    confidence = Confidence(0.5, 0.25, 0.99, 300)
    stored = confidence.to_bytes(WEIGHTS)
    assert Confidence.from_bytes(stored, "a.json", WEIGHTS) == confidence
    assert Confidence.from_bytes(stored, "a.json", "crc32 76543210, 10 bytes") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0}, "`temperature` as a finite number from 0.02 to 50.0. Received: 0."),
        ({"threshold": 2}, "`threshold` as a finite number from 0 to 1, or null. Received: 2."),
        ({"weights": 7}, "`weights` as a string. Received: 7."),
        ({"format": 2}, "expected format 1, the only one that this version reads. Received: 2."),
    ],
)
def test_a_damaged_file_is_refused(change, message):
    values = {**json.loads(Confidence().to_bytes(WEIGHTS)), **change}
    with pytest.raises(InputError) as error:
        Confidence.from_bytes(json.dumps(values).encode(), "a.json", WEIGHTS)
    assert str(error.value).startswith("a.json: ") and str(error.value).endswith(message)


def test_exports_of_older_versions_have_the_default_confidence():
    assert Confidence.from_manifest({"format": 1}, "a.tflite") == Confidence()
    stored = {"confidence": Confidence(0.5, 0.9, 0.99, 10).to_json()}
    assert Confidence.from_manifest(stored, "a.tflite") == Confidence(0.5, 0.9, 0.99, 10)
    with pytest.raises(InputError, match="a.tflite: damaged, expected an object as `confidence`"):
        Confidence.from_manifest({"confidence": 1}, "a.tflite")


def test_confidence_needs_neither_keras_nor_tensorflow():
    code = """
import sys
from keras_attention.decoding import confidence
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
