"""The exports of an ensemble, compared with the ensemble and with the mean of its members.

One member copies and the other is a Transformer, so their memories and states have other shapes.
"""

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from variants import TEXTS, assert_same, make_translator

from keras_attention import Ensemble, LuongAttention, Translator
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.graphs import model_functions
from keras_attention.export.onnx import ENCODE_FILE, STEP_FILE, export_onnx
from keras_attention.export.saved_model.saved_model import (
    SavedModelTranslator,
    export_saved_model,
)
from keras_attention.export.tflite.conversion import Converted
from keras_attention.export.verify import verify

WORDS = ["the", "cat", "sat", "on", "mat"], ["le", "chat", "assis", "sur", "tapis", "the"]
SOURCE, START = ["the cat", "mat"], 1


def make_member(**settings):
    search = SearchSettings(16, 6, beam_width=2)
    attention = LuongAttention("general")
    return make_translator(*WORDS, kind="word", search=search, attention=attention, **settings)


@pytest.fixture(scope="module")
def members():
    copying = make_member(input_feeding=True, copying=True)
    transformer = make_member(
        encoder="transformer", decoder="transformer", heads=2, feed_forward=6, max_target_length=9
    )
    return [copying, transformer]


@pytest.fixture(scope="module")
def ensemble(members):
    return Translator(Ensemble([member.model for member in members]), members[0].codec)


@pytest.fixture(scope="module")
def exported(ensemble, build):
    def export(folder):
        export_saved_model(ensemble, folder)
        converted = Converted.of(ensemble)
        for precision in ("float32", "int8"):
            converted.write(folder / f"{precision}.tflite", precision)
        export_onnx(ensemble, folder / "onnx")

    return build("exports of an ensemble", export)


@pytest.fixture(scope="module")
def served(exported):
    return SavedModelTranslator.load(exported / "1")


def mean_by_hand(members, prefixes):
    """Return the log-probabilities of the tokens after each prefix, and the alignment, in NumPy."""
    sources = members[0].codec.encode(SOURCE)
    found = []
    for member in members:
        encoded = model_functions.encode(member.model, tf.constant(sources))
        for tokens in prefixes.T:
            encoded |= model_functions.step(
                member.model,
                tf.constant(tokens),
                tf.constant(sources),
                **{name: encoded[name] for name in encoded if name not in OUTPUTS},
            )
        found.append([encoded[name].numpy() for name in OUTPUTS])
    log_probabilities, alignments = zip(*found, strict=True)
    total = np.logaddexp.reduce(log_probabilities, axis=0)
    return total - np.log(len(members)), np.mean(alignments, axis=0)


OUTPUTS = ("log_probabilities", "alignment")
PREFIXES = np.array([[START, 4, 6], [START, 5, 4]], "int32")


def test_saved_model_translations_equal_the_ensembles(ensemble, served):
    assert_same(served(TEXTS), ensemble(TEXTS))
    assert_same(served(TEXTS, beam_width=3), ensemble(TEXTS, beam_width=3))


def test_saved_model_scores_are_means_of_the_members_probabilities(members, served):
    targets = ["le chat", "assis"]
    signature = served._signatures["score"]
    found = signature(source=tf.constant(SOURCE), target=tf.constant(targets))
    for row, pairs in enumerate(
        zip(*(member.score(SOURCE, targets) for member in members), strict=True)
    ):
        expected = np.log(np.mean([np.exp(pair.log_probabilities) for pair in pairs], axis=0))
        actual = found["log_probabilities"].numpy()[row][: len(expected)]
        np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_saved_model_steps_are_means_of_the_members_steps(members, served):
    ids = members[0].codec.encode(SOURCE)
    length = (ids != 0).sum(axis=1).astype("int32")
    state = served._signatures["encode"](source=tf.constant(ids), length=tf.constant(length))
    for token in PREFIXES.T:
        state |= served._signatures["step"](
            token=tf.constant(token),
            length=tf.constant(length),
            **{name: state[name] for name in state if name not in OUTPUTS},
        )
    for name, expected in zip(OUTPUTS, mean_by_hand(members, PREFIXES), strict=True):
        np.testing.assert_allclose(state[name], expected, atol=1e-4)


def test_onnx_steps_are_means_of_the_members_steps(members, exported):
    ids = members[0].codec.encode(SOURCE)
    encode, step = (
        onnxruntime.InferenceSession(exported / "onnx" / name) for name in (ENCODE_FILE, STEP_FILE)
    )
    names = [tensor.name for tensor in encode.get_outputs()]
    given = dict(zip(names, encode.run(None, {"source": ids}), strict=True))
    outputs = [tensor.name for tensor in step.get_outputs()]
    for token in PREFIXES.T:
        inputs = {"token": token, "source": ids, **given}
        taken = {tensor.name: inputs[tensor.name] for tensor in step.get_inputs()}
        found = dict(zip(outputs, step.run(None, taken), strict=True))
        given |= {name: found.get(f"next_{name}", given[name]) for name in given}
    for name, expected in zip(OUTPUTS, mean_by_hand(members, PREFIXES), strict=True):
        np.testing.assert_allclose(found[name], expected, atol=1e-4)


def test_a_device_searches_and_steps_like_the_ensemble(ensemble, exported):
    device = DeviceTranslator.load(exported / "float32.tflite")
    assert_same(device(TEXTS), ensemble(TEXTS, beam_width=1))
    (found,), (expected,) = device([TEXTS[0]], beam=True), ensemble([TEXTS[0]])
    assert found.text == expected.text
    np.testing.assert_allclose(found.score, expected.score, atol=1e-4)
    (text,) = device([TEXTS[0]])
    assert [step.text for step in device.stream(TEXTS[0])][-1] == text.text


def test_verify_compares_every_export_with_the_ensemble(ensemble, exported):
    agreements = {each.runtime: each for each in verify(ensemble, exported, TEXTS)}
    assert list(agreements) == ["1", "float32.tflite", "int8.tflite"]
    assert agreements["1"].agrees and agreements["float32.tflite"].agrees
    assert agreements["int8.tflite"].precision == "int8"
