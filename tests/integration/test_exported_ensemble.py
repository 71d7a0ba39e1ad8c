"""The exports of an ensemble, compared with the ensemble and with the mean of its members.

The members differ in architecture and width, and only one of them copies.
"""

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from runs import without_graphs
from variants import TEXTS, assert_same, make_translator

from keras_attention import BahdanauAttention, Ensemble, LuongAttention, Translator
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.graphs import model_functions
from keras_attention.export.onnx import ENCODE_FILE, STEP_FILE, export_onnx
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.conversion import Converted
from keras_attention.export.verify import verify
from keras_attention.special_tokens import END, SPECIAL_TOKENS

WORDS = ["the", "cat", "sat", "on", "mat"], ["le", "chat", "assis", "sur", "tapis", "the"]
SOURCE, START = ["the cat", "mat"], 1


def make_member(**settings):
    search = SearchSettings(16, 6, beam_width=2)
    return make_translator(*WORDS, kind="word", search=search, **settings)


@pytest.fixture(scope="module")
def members():
    copying = make_member(attention=LuongAttention("general"), input_feeding=True, copying=True)
    additive = make_member(attention=BahdanauAttention(5), placement="before", rnn="gru", units=6)
    return [without_graphs(copying), without_graphs(additive)]


@pytest.fixture(scope="module")
def ensemble(members):
    together = Ensemble([member.model for member in members])
    return without_graphs(Translator(together, members[0].codec))


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
    words = [each[:, len(SPECIAL_TOKENS) :] for each in log_probabilities]
    return np.log(np.mean(np.exp(words), axis=0)), np.mean(alignments, axis=0)


def of_words(outputs):
    """Return the log-probabilities of all tokens except special ones, and the alignment."""
    return np.array(outputs[OUTPUTS[0]])[:, len(SPECIAL_TOKENS) :], outputs[OUTPUTS[1]]


OUTPUTS = ("log_probabilities", "alignment")
PREFIXES = np.array([[START, 4, 6], [START, 5, 4]], "int32")


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
    for found, expected in zip(of_words(state), mean_by_hand(members, PREFIXES), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


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
    for actual, expected in zip(of_words(found), mean_by_hand(members, PREFIXES), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_a_device_searches_like_a_server_and_streams_what_it_translates(served, exported):
    device = DeviceTranslator.load(exported / "float32.tflite")
    assert_same(device(TEXTS, beam=True), served(TEXTS))
    for whole in device(TEXTS):
        steps = tuple(step.token for step in device.stream(whole.source))
        assert steps == tuple(token for token in whole.tokens if token != END)


def test_verify_compares_every_export_with_the_ensemble(ensemble, exported):
    agreements = {each.runtime: each for each in verify(ensemble, exported, TEXTS)}
    assert list(agreements) == ["1", "float32.tflite", "int8.tflite"]
    assert agreements["1"].agrees and agreements["float32.tflite"].agrees
    assert agreements["int8.tflite"].precision == "int8"
