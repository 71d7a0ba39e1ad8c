"""`Seq2Seq.export` writes graphs that give the same outputs as `generate`."""

import inspect

import keras
import onnx
import onnxruntime
import pytest
from support import randomize

from keras_attention import (
    CharacterTokenizer,
    InputError,
    LuongAttention,
    Seq2Seq,
    TextPreprocessor,
    Vocabulary,
)
from keras_attention.export import DeviceTranslator, SavedModelTranslator
from keras_attention.export.model_export import FORMATS
from keras_attention.export.onnx import SEARCH_FILE

LETTERS = CharacterTokenizer(Vocabulary("abc"))
TEXTS = ["cab", "", "abcabc", "b"]


@pytest.fixture(scope="module")
def model():
    preprocessor = TextPreprocessor(LETTERS, max_length=6, max_source_length=8, min_length=2)
    attention = LuongAttention("dot")
    model = Seq2Seq(7, 7, units=4, embedding=3, attention=attention, preprocessor=preprocessor)
    model.build()
    model.compile("sgd", sampler={"beam_width": 3, "length_penalty": 0.8})
    return randomize(model, scale=1.5)


@pytest.fixture
def other(model):
    """Return a copy of the model, which a test may compile again."""
    return keras.models.clone_model(model)


def test_a_saved_model_gives_the_same_outputs_as_generate(model, tmp_path, capsys):
    model.export(tmp_path / "saved", verbose=True)
    assert capsys.readouterr().out == f"Saved the model as tf_saved_model to {tmp_path}/saved.\n"
    loaded = SavedModelTranslator.load(tmp_path / "saved")
    assert [found.text for found in loaded(TEXTS)] == model.generate(TEXTS)
    assert loaded.manifest["search"]["beam_width"] == 3


def test_a_tflite_file_gives_the_same_outputs_as_generate(model, tmp_path, capsys):
    model.export(str(tmp_path / "model.tflite"), format="litert", precision="float16")
    assert capsys.readouterr().out == ""
    loaded = DeviceTranslator.load(tmp_path / "model.tflite")
    assert loaded.manifest["precision"] == "float16"
    assert [found.text for found in loaded(TEXTS, beam=True)] == model.generate(TEXTS)
    assert [found.text for found in loaded(TEXTS)] == model.generate(TEXTS, sampler="greedy")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_onnx_file_contains_the_search_and_gives_the_same_outputs_as_generate(model, tmp_path):
    model.export(tmp_path / "onnx", format="onnx")
    path = tmp_path / "onnx" / SEARCH_FILE
    assert "Loop" in [node.op_type for node in onnx.load(path).graph.node]
    session = onnxruntime.InferenceSession(path)
    for texts in (TEXTS, ["bc"]):
        source = model.preprocessor.codec.encode(texts)
        (tokens,) = session.run(["tokens"], {"source": source})
        assert [LETTERS.decode(row) for row in tokens] == model.generate(texts)


def test_the_arguments_of_export_are_those_of_keras():
    ours, keras_own = (inspect.signature(kind.export) for kind in (Seq2Seq, keras.Model))
    names = list(keras_own.parameters)[:-1]
    assert list(ours.parameters)[:-1] == names
    for name in names[1:]:
        assert ours.parameters[name].default == keras_own.parameters[name].default


REFUSED = {
    "format": (InputError, {"format": "openvino"}, "`format` must be one of 'tf_saved_model', 'l"),
    "input_signature": (InputError, {"input_signature": [1]}, "`input_signature` must be None"),
    "misspelt": (TypeError, {"format": "litert", "precison": "int8"}, "nearest is 'precision'"),
    "option": (TypeError, {"format": "onnx", "opset_version": 18}, "format 'onnx' has no options"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_and_nothing_is_written(case, model, tmp_path):
    kind, arguments, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        model.export(tmp_path / "export", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", [name for name in FORMATS if FORMATS[name].part])
def test_a_folder_with_other_files_is_not_replaced(format, model, tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="expected a new folder, or one with an export of this"):
        model.export(tmp_path, format=format)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("sampler", ["random", {"beam_width": 4, "groups": 2}])
def test_a_search_that_exports_do_not_support_is_refused(sampler, other, tmp_path):
    other.compile("sgd", sampler=sampler)
    with pytest.raises(InputError, match=r"an export searches greedily or with a beam, without"):
        other.export(tmp_path / "export")


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"source_vocabulary_size": 7}, "pass `preprocessor=TextPreprocessor"),
        ({"source_vocabulary_size": None, "source_shape": (None, 2)}, "export.features"),
    ],
)
def test_a_model_whose_graph_needs_targets_is_not_exported(settings, advice, tmp_path):
    model = Seq2Seq(target_vocabulary_size=7, units=4, **settings)
    with pytest.raises(InputError, match=f"logits for given targets, .*{advice}"):
        model.export(tmp_path / "export")
