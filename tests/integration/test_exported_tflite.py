import json
import pickle
import random
import subprocess
import sys
import weakref
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema
from variants import TEXTS, assert_same

from keras_attention import CharacterTokenizer, InputError, Vocabulary
from keras_attention.cli.exports import about_run
from keras_attention.export.device.device_file import (
    SIGNATURES,
    read_device_file,
    write_device_file,
)
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.device.interpreter import FAST, Runtime
from keras_attention.export.tflite.conversion import export_tflite
from keras_attention.translation.codec import TextCodec

PRETRAINED = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"


def test_the_manifest_states_how_many_steps_a_state_has_room_for(variant, tflite_file):
    room = 12 if variant.model.settings.decoder == "transformer" else None
    assert DeviceTranslator.load(tflite_file).manifest["max_steps"] == room


def test_greedy_translations_equal_the_translators(variant, tflite_file):
    device = DeviceTranslator.load(tflite_file)
    texts = [text for text in TEXTS if device.fits(text)]
    assert len(texts) > 5
    assert_same(device(texts), variant(texts, beam_width=1))


def test_beams_equal_the_translators(variant, tflite_file):
    device = DeviceTranslator.load(tflite_file)
    texts = [text for text in TEXTS if device.fits(text)]
    width, found = device.manifest["beam_width"], device(texts, beam=True)
    assert width == {1: 4, 3: 3}[variant.codec.settings.beam_width]
    expected = variant(texts, beam_width=width)
    assert max(len(translation.hypotheses) for translation in found) == width
    for one, other in zip(found, expected, strict=True):
        assert len(one.hypotheses) == len(other.hypotheses)
        pairs = zip(one.hypotheses, other.hypotheses, strict=True)
        assert_same(*zip(*(map(alone, (one, other), pair) for pair in pairs), strict=True))


def alone(translation, hypothesis):
    return replace(translation, hypotheses=(hypothesis,))


def test_stream_yields_the_greedy_translation_token_by_token(variant, tflite_file):
    device = DeviceTranslator.load(tflite_file, threads=2)
    for text in filter(device.fits, TEXTS):
        (whole,), steps = device([text]), list(device.stream(text))
        ended = whole.tokens[-1] == "</s>"
        assert tuple(step.token for step in steps) == whole.tokens[: -1 if ended else None]
        for step, weights in zip(steps, whole.alignment, strict=False):
            np.testing.assert_allclose(step.alignment, weights, atol=1e-5)
        assert [step.text for step in steps][-1:] == [whole.text] * bool(steps)
        assert ended or abs(steps[-1].score - whole.score) < 1e-4


one_variant = pytest.mark.parametrize("variant_name", ["bahdanau"], indirect=True, scope="session")


@one_variant
def test_a_pickled_translator_returns_the_same_results(tflite_file):
    device = DeviceTranslator.load(tflite_file)
    other = pickle.loads(pickle.dumps(device))
    assert (other.name, other("abc").tokens) == (device.name, device("abc").tokens)


@one_variant
def test_eight_threads_get_the_same_results_as_one(tflite_file):
    device = DeviceTranslator.load(tflite_file)
    texts = ["the cat", "abcdefgh" * 2, "", "a b c d", "gh", "fed", "abc", "cab"]

    def answer(text):
        found = [device([text])[0], device([text], beam=True)[0]]
        streamed = "".join(step.token for step in device.stream(text))
        return [each.to_json() for each in found], streamed

    expected = list(map(answer, texts))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, texts * 4)) == expected * 4


@one_variant
def test_signatures_run_in_turns_with_sources_of_different_lengths(tflite_file):
    device, draw = DeviceTranslator.load(tflite_file), random.Random(3)
    lengths, names = (1, 5, 17), ("greedy", "beam", "encode")
    sources = {length: np.array([[4] * (length - 1) + [2]], "int32") for length in lengths}
    expected = {}
    for name in names:
        for length, source in sources.items():
            expected[name, length] = DeviceTranslator.load(tflite_file).run(name, source=source)
    for _ in range(30):
        name, length = draw.choice(names), draw.choice(lengths)
        found = device.run(name, source=sources[length])
        for key, array in expected[name, length].items():
            np.testing.assert_allclose(found[key], array, atol=1e-6)


def rewritten(path, tmp_path, change):
    """Return a file with changed tokenizers, settings and manifest, and with valid checksums."""
    content, file = path.read_bytes(), read_device_file(path.read_bytes(), "m")
    with zipfile.ZipFile(path) as archive:
        size = min(item.header_offset for item in archive.infolist())
    codec = change(file.codec)
    sides = (codec.source, codec.target)
    vocabulary = {
        side: {"tokens": len(each.vocabulary)}
        for side, each in zip(("source", "target"), sides, strict=True)
    }
    lengths = {name: getattr(codec.settings, name) for name in ("max_source_length", "max_length")}
    manifest = {**file.manifest, "vocabulary": vocabulary, **lengths}
    write_device_file(tmp_path / "changed.tflite", content[:size], codec, manifest)
    return tmp_path / "changed.tflite"


def grown(tokenizer, more):
    tokens = tokenizer.vocabulary.tokens[4:]
    return CharacterTokenizer(Vocabulary([*tokens, *more]))


MISMATCHES = {
    "`source` of the signature `greedy` to have the shape [1, 25]": lambda codec: TextCodec(
        codec.source, codec.target, replace(codec.settings, max_source_length=25)
    ),
    "`tokens` of the signature `greedy` to have the shape [1, 11]": lambda codec: TextCodec(
        codec.source, codec.target, replace(codec.settings, max_length=11)
    ),
    "the signature `decode_step` to have the shape [1, 16]": lambda codec: TextCodec(
        codec.source, grown(codec.target, "z"), codec.settings
    ),
    "`greedy` cannot be run": lambda codec: TextCodec(
        grown(codec.source, map(chr, range(0x4E00, 0x4E00 + 5000))), codec.target, codec.settings
    ),
}


@one_variant
@pytest.mark.parametrize("words", MISMATCHES)
def test_tokenizers_of_another_size_raise_a_one_sentence_error(tflite_file, tmp_path, words):
    device = DeviceTranslator.load(rewritten(tflite_file, tmp_path, MISMATCHES[words]))
    with pytest.raises(InputError) as error:
        device("abc" + chr(0x4E00 + 4999))
        list(device.stream("abc"))
    assert str(error.value).startswith(f"{tmp_path / 'changed.tflite'}: damaged, ")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_the_graph_returns_an_empty_output_for_an_empty_source(variant, tflite_file):
    interpreter = Interpreter(model_content=tflite_file.read_bytes())
    outputs = interpreter.get_signature_runner("greedy")(source=np.array([[2] + [0] * 23], "int32"))
    assert outputs["tokens"].tolist() == [[2] + [0] * 11]
    assert outputs["score"].tolist() == [0]
    assert not outputs["alignment"][0, 1:].any()


@one_variant
def test_tensors_have_names_and_greedy_comes_first(tflite_file):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite_file.read_bytes(), 0))
    for subgraph in model.subgraphs:
        names = [tensor.name for tensor in subgraph.tensors]
        assert all(names) and len(set(names)) == len(names)
    keys = [signature.signatureKey for signature in model.signatureDefs]
    assert keys == [b"greedy", b"beam", b"encode", b"decode_step"]
    assert [signature.subgraphIndex for signature in model.signatureDefs] == [0, 1, 2, 3]
    # A runtime that does not support signatures runs greedy search.
    interpreter = Interpreter(model_content=tflite_file.read_bytes())
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    assert source["name"] == "greedy/source"
    assert set(outputs) == {"greedy/tokens", "greedy/score", "greedy/alignment"}
    device = DeviceTranslator.load(tflite_file)
    ids = [*device.codec.source.encode("abc")]
    interpreter.set_tensor(source["index"], np.array([ids + [0] * (24 - len(ids))], "int32"))
    interpreter.invoke()
    tokens = interpreter.get_tensor(outputs["greedy/tokens"])[0]
    assert device.codec.target.decode([int(token) for token in tokens if token]) == (
        device("abc").text
    )


def test_a_file_contains_only_builtin_operators(tflite_file):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite_file.read_bytes(), 0))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    codes = [max(op.builtinCode, op.deprecatedBuiltinCode) for op in model.operatorCodes]
    used = {op.opcodeIndex for subgraph in model.subgraphs for op in subgraph.operators}
    assert used == set(range(len(codes)))
    listed = {names[code] for code in codes}
    # Flex operators are custom operators whose code begins with "Flex".
    assert "WHILE" in listed and "CUSTOM" not in listed
    assert {op.customCode for op in model.operatorCodes} == {None}


@pytest.mark.parametrize(
    "variant_name", ["bahdanau", "words", "transformer"], indirect=True, scope="session"
)
def test_sources_longer_than_the_declared_length_are_translated(variant, tflite_file):
    """Check sources of twice and ten times the declared length, with several encoders."""
    device, separator = DeviceTranslator.load(tflite_file), variant.codec.source.separator
    tokens = variant.codec.source.vocabulary.tokens[4:]
    texts = [separator.join((tokens * 60)[:length]) for length in (47, 239)]
    assert [len(variant.codec.source.encode(text)) for text in texts] == [48, 240]
    assert_same(device(texts), variant(texts, beam_width=1))
    width = device.manifest["beam_width"]
    assert_same(device(texts, beam=True), variant(texts, beam_width=width))
    for text in texts:
        streamed = tuple(step.token for step in device.stream(text))
        whole = device(text).tokens
        assert streamed == whole[: -1 if whole[-1] == "</s>" else None]


@one_variant
def test_growing_sources_have_the_same_outputs_in_every_new_interpreter(tflite_file):
    """With XNNPACK, an interpreter whose memory grew sometimes computed wrong outputs."""
    content, rng = tflite_file.read_bytes(), np.random.default_rng(1)
    sizes = 2, 6, 11, 19, 24, 29, 32, 45, 63, 70, 130  # for four interpreters, one after another
    texts = ["".join(rng.choice([*"abcdefgh "], size)) for size in sizes]

    def translate_all():
        device = DeviceTranslator(content)
        found = [device(text) for text in texts]
        streamed = tuple(step.token for step in device.stream(texts[-1]))
        assert streamed == tuple(token for token in found[-1].tokens if token != "</s>")
        return [*found, *(device(text) for text in texts[::-1])]

    expected = translate_all()
    assert_same(expected[::-1], expected)
    for _ in range(40):
        assert_same(translate_all(), expected)


@one_variant
def test_a_longer_source_replaces_the_interpreter(tflite_file, monkeypatch):
    make, made = Runtime._make, []

    def make_one(runtime, kernels):
        assert all(each() is None for each in made)  # the memory of the old one is free
        interpreter = make(runtime, kernels)
        if kernels == FAST:
            made.append(weakref.ref(interpreter))
        return interpreter

    monkeypatch.setattr(Runtime, "_make", make_one)
    device = DeviceTranslator.load(tflite_file)
    for tokens, interpreters in ((3, 1), (32, 1), (33, 2), (5, 2), (64, 2), (65, 3)):
        device("a" * (tokens - 1))
        assert len(made) == interpreters


@one_variant
def test_a_source_with_one_axis_is_refused(tflite_file):
    with pytest.raises(InputError, match="the signature `greedy` cannot be run"):
        DeviceTranslator.load(tflite_file).run("greedy", source=np.array([4, 2], "int32"))


@one_variant
def test_runtimes_without_resizing_see_the_declared_length(tflite_file):
    interpreter = Interpreter(model_content=tflite_file.read_bytes())
    for signature in SIGNATURES:
        runner = interpreter.get_signature_runner(signature)
        for detail in (runner.get_input_details() | runner.get_output_details()).values():
            assert -1 not in detail["shape_signature"]
            assert detail["shape"].tolist() == detail["shape_signature"].tolist()
    assert runner.get_input_details()["source"]["shape"].tolist() == [1, 24]


@one_variant
def test_a_source_that_is_too_long_is_refused(tflite_file):
    with pytest.raises(
        InputError, match=r"^text 1: expected at most 1024 tokens including </s>\. "
    ):
        DeviceTranslator.load(tflite_file)(["a" * 1024])
    with pytest.raises(InputError, match=r"^text 1: expected at most 16384 bytes\. Received: 1000"):
        DeviceTranslator.load(tflite_file)(["a" * 10**6])
    device = DeviceTranslator.load(tflite_file, max_tokens=4)
    assert device.fits("abc") and not device.fits("abcd")
    assert not pickle.loads(pickle.dumps(device)).fits("abcd")
    assert DeviceTranslator.load(tflite_file, max_tokens=2000).fits("a" * 1999)


@one_variant
def test_a_limit_out_of_its_range_is_refused(tflite_file):
    with pytest.raises(ValueError, match="`max_tokens` must be a positive integer"):
        DeviceTranslator.load(tflite_file, max_tokens=0)
    with pytest.raises(InputError, match=r"at most 65536 tokens for a text\. Received: 1000000\."):
        DeviceTranslator.load(tflite_file, max_tokens=10**6)


def test_a_file_of_version_0_1_keeps_its_limit():
    """Its graphs accept only one length, to which sources are padded."""
    device = DeviceTranslator.load(PRETRAINED)
    assert "any_length" not in device.manifest
    assert device("march 27, 2016").text == "2016-03-27"
    assert device.fits("a" * 63) and not device.fits("a" * 64)
    assert not DeviceTranslator.load(PRETRAINED, max_tokens=9).fits("a" * 9)
    with pytest.raises(InputError, match="at most 64 tokens for a text; export the model again"):
        DeviceTranslator.load(PRETRAINED, max_tokens=65)


def test_equal_models_produce_equal_files_that_contain_the_vocabulary(
    translator, trained, tmp_path
):
    export_tflite(translator, tmp_path / "again.tflite", about=about_run(trained))
    file = trained / "dates.tflite"
    assert (tmp_path / "again.tflite").read_bytes() == file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        for name in translator.codec.to_files():
            assert archive.read(name) == (trained / name).read_bytes()


WITHOUT_TENSORFLOW = """
import json, sys
for name in ("tensorflow", "keras", "jax", "torch", "sentencepiece", "typer", "matplotlib"):
    sys.modules[name] = None
from keras_attention.export.device.device_translator import DeviceTranslator
translations = DeviceTranslator.load(sys.argv[1])(json.loads(sys.argv[2]))
loaded = [name for name, module in sys.modules.items() if module is not None]
print(json.dumps({
    "loaded": [name for name in loaded if name.split(".")[0] in ("tensorflow", "keras")],
    "translations": [translation.to_json() for translation in translations],
}))
"""


def test_a_file_runs_without_tensorflow_and_keras(translator, trained):
    texts = ["march 27, 2016", "", "9/27/94"]
    arguments = [str(trained / "dates.tflite"), json.dumps(texts)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)
    assert answer["loaded"] == []
    for actual, expected in zip(answer["translations"], translator(texts), strict=True):
        (hypothesis,) = actual["hypotheses"]
        assert actual["source_tokens"] == list(expected.source_tokens)
        assert hypothesis["text"] == expected.text
        assert hypothesis["tokens"] == list(expected.tokens)
        np.testing.assert_allclose(hypothesis["score"], expected.score, atol=1e-4)
        np.testing.assert_allclose(hypothesis["alignment"], expected.alignment, atol=1e-3)


def test_mixed_precision_models_are_exported_in_float32(tmp_path):
    from variants import make_translator

    from keras_attention import BahdanauAttention, Translator

    policy = "mixed_bfloat16"
    attention = BahdanauAttention(8, dtype=policy)
    mixed = make_translator("abc", "xyz", attention=attention, placement="before", dtype=policy)
    mixed.save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert mixed.model.compute_dtype == "bfloat16"
    assert loaded.model.compute_dtype == "float32"
    device = DeviceTranslator.load(export_tflite(mixed, tmp_path / "mixed.tflite"))
    assert_same(device(["abc", ""]), loaded(["abc", ""]))
