"""Precisions of the TFLite file, the quality gate, and files that are refused."""

import json
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from variants import assert_same, make_translator

from keras_attention import BahdanauAttention, InputError
from keras_attention.decoding.hypotheses import log_probabilities
from keras_attention.export.device import interpreter
from keras_attention.export.device.device_file import write_device_file
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.tflite.conversion import PRECISIONS, Converted
from keras_attention.export.tflite.quality_gate import MOST_LOST, Quality, measure_variants
from keras_attention.training.metrics.text_metrics import score

LETTERS = "abcdefghijklmnopqrstuvwxyz "
TEXTS = ["the cat sat on", "", "a quick brown fox", "zzz", "jumps over the lazy"]


@pytest.fixture(scope="module")
def large():
    """Return a translator whose weights take most of its file and have realistic values."""
    translator = make_translator(
        LETTERS,
        LETTERS,
        units=256,
        embedding=160,
        attention=BahdanauAttention(256),
        attention_units=160,
        tie_embeddings="all",
        input_feeding=True,
    )
    rng = np.random.default_rng(3)
    model = translator.model
    model.set_weights([0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return translator


@pytest.fixture(scope="module")
def converted(large):
    return Converted.of(large)


@pytest.fixture(scope="module")
def files(converted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("precisions")
    return {name: converted.write(folder / f"{name}.tflite", name) for name in PRECISIONS}


def test_the_signatures_share_the_weights(large, files):
    numbers = sum(weight.size for weight in large.model.get_weights())
    assert files["float32"].stat().st_size < 4 * numbers + 350_000


@pytest.mark.parametrize(
    ("precision", "most"), [("float16", 0.56), ("int8", 0.31), ("mixed", 0.31)]
)
def test_lower_precision_is_smaller(files, precision, most):
    assert files[precision].stat().st_size < most * files["float32"].stat().st_size


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_signature_runs_in_every_precision(large, files, precision):
    """Compare only first steps, because rounding soon changes the outputs of untrained models."""
    device = DeviceTranslator.load(files[precision])
    assert device.manifest["precision"] == precision
    if precision == "float32":
        assert_same(device(TEXTS), large(TEXTS, beam_width=1))
    (greedy,), (beams,) = device(TEXTS[:1]), device(TEXTS[:1], beam=True)
    assert [step.token for step in device.stream(TEXTS[0])][:3] == list(greedy.tokens[:3])
    assert len(beams.hypotheses) == 4 and beams.score < 0
    found = _first_log_probabilities(device, large.codec)
    exact = _first_log_probabilities(DeviceTranslator.load(files["float32"]), large.codec)
    allowed = {"float32": 1e-5, "float16": 0.02, "mixed": 0.6, "int8": 0.6}[precision]
    assert abs(found - exact).max() < allowed


def _first_log_probabilities(device, codec, text=TEXTS[0]):
    """Return the log-probabilities of real tokens for the first token of a text's translation."""
    source = np.array([codec.source.encode(text)], "int32")
    encoded = device.run("encode", source=source)
    step = device.run("decode_step", token=np.array([1], "int32"), source=source, **encoded)
    return step["log_probabilities"][0, 2:]


LONG = [(LETTERS * 10)[: length - 1] for length in (48, 240)]  # the file declares 24


@pytest.fixture(scope="module")
def first_steps(large):
    """Return the Keras model's log-probabilities for the first tokens of `LONG`."""
    memory, state = large.model.encode(large.codec.encode(LONG))
    logits, _, _ = large.model.step(np.array([1, 1]), state, memory)
    return log_probabilities(logits)[1].numpy()[:, 2:]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_translates_sources_longer_than_the_declared_length(
    large, files, first_steps, precision
):
    device = DeviceTranslator.load(files[precision])
    found = [_first_log_probabilities(device, large.codec, text) for text in LONG]
    allowed = {"float32": 1e-4, "float16": 0.02, "mixed": 0.6, "int8": 0.6}[precision]
    assert abs(found - first_steps).max() < allowed
    assert [each.alignment.shape[1] for each in device(LONG)] == [48, 240]


def test_a_matrix_that_is_used_twice_is_stored_once(large, files):
    (embeddings,) = (w for w in large.model.weights if "embeddings" in w.path)
    rows = np.array(embeddings)
    rounded = np.rint(rows / (np.abs(rows).max(axis=1, keepdims=True) / 127)).astype("int8")
    assert files["int8"].read_bytes().count(rounded[5].tobytes()) == 1


def test_equal_conversions_give_equal_files(converted, files, tmp_path):
    again = converted.write(tmp_path / "again.tflite", "mixed")
    assert again.read_bytes() == files["mixed"].read_bytes()


def test_an_unknown_precision_is_refused(converted, tmp_path):
    with pytest.raises(InputError, match="must be one of float32, .* Received: 'int4'"):
        converted.write(tmp_path / "a.tflite", "int4")
    assert not list(tmp_path.iterdir())


PAIRS = [(text, text) for text in TEXTS] + [("x" * 1024, "too long")]


def exact(outputs, targets, sources):
    return 100 * score("exact_match", outputs, targets, sources).value


def test_the_gate_measures_every_precision(large, converted, tmp_path):
    counts = []
    quality = Quality("exact", exact, True)
    gate = measure_variants(large, converted, PAIRS, quality, advance=counts.append)
    assert gate.lines == len(TEXTS)
    assert sum(counts) == len(PAIRS) * (1 + len(PRECISIONS))  # these counts advance a progress bar
    assert [variant.precision for variant in gate.variants] == list(PRECISIONS)
    first = gate.variants[0]
    assert (first.share, first.tokens, first.sentences, first.loss) == (1, 1, 1, 0)
    assert all(0 < variant.milliseconds for variant in gate.variants)
    gate.save(tmp_path / "table.json", gate.default)
    table = json.loads((tmp_path / "table.json").read_text())
    assert table["variants"][0]["size"] == first.size
    assert (table["most_lost"], table["default"]) == (MOST_LOST, gate.default)


def test_the_gate_refuses_a_precision_that_loses_too_much(large, converted):
    """The metric returns fixed values, as if only `mixed` lost more than the limit."""
    values = iter([30, 30, 29.9, 29.6, 29.7])  # Keras, float32, float16, mixed, int8
    quality = Quality("bleu", lambda *_: next(values), True)
    gate = measure_variants(large, converted, PAIRS, quality)
    passes = {variant.precision: variant.passes for variant in gate.variants}
    assert passes == {"float32": True, "float16": True, "mixed": False, "int8": True}
    assert gate.default == "int8"
    gate.require("int8")
    with pytest.raises(
        InputError, match=r"mixed cannot .* loses 0\.40 points of bleu on 5 .* Use int8"
    ):
        gate.require("mixed")


def test_a_lower_error_rate_is_better(large, converted):
    values = iter([7, 7, 7.5, 6, 8])
    gate = measure_variants(large, converted, PAIRS, Quality("wer", lambda *_: next(values), False))
    assert [round(variant.loss, 1) for variant in gate.variants] == [0, 0.5, -1, 1]
    assert gate.default == "mixed"


def test_the_gate_requires_pairs(large, converted):
    with pytest.raises(InputError, match="pairs whose sources have at most 1024 tokens"):
        measure_variants(large, converted, PAIRS[-1:], Quality("exact", exact, True))


def test_several_threads_of_the_runtime_return_the_same_results(files):
    texts = TEXTS[:2]
    assert_same(
        DeviceTranslator.load(files["float32"], threads=2)(texts),
        DeviceTranslator.load(files["float32"])(texts),
    )
    for threads in (0, True, 1.5):
        with pytest.raises(ValueError, match="`threads` must be a positive integer"):
            DeviceTranslator.load(files["float32"], threads=threads)


def test_a_file_of_a_newer_format_is_refused(files, tmp_path, monkeypatch):
    with zipfile.ZipFile(files["int8"]) as archive:
        size = min(item.header_offset for item in archive.infolist())
    codec, newer = DeviceTranslator.load(files["int8"]).codec, tmp_path / "newer.tflite"
    monkeypatch.setattr("keras_attention.export.device.device_file.FORMAT", 2)
    write_device_file(newer, files["int8"].read_bytes()[:size], codec, {})
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"newer\.tflite: expected format 1, the only one"):
        DeviceTranslator.load(newer)


@pytest.mark.parametrize("manifest", [None, "{}", "no JSON", "[1]"])
def test_a_file_without_a_valid_manifest_is_refused(files, tmp_path, manifest):
    with zipfile.ZipFile(files["int8"]) as archive:
        size = min(item.header_offset for item in archive.infolist())
    path = tmp_path / "old.tflite"
    path.write_bytes(files["int8"].read_bytes()[:size])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("translator.json", "{}")
        if manifest is not None:
            archive.writestr("manifest.json", manifest)
    with pytest.raises(InputError, match=r"old\.tflite: damaged, expected the manifest\.json "):
        DeviceTranslator.load(path)


def test_damaged_truncated_and_foreign_files_are_refused(files, tmp_path):
    content, path = files["int8"].read_bytes(), tmp_path / "model.tflite"
    middle = len(content) // 2
    with zipfile.ZipFile(files["int8"]) as archive:
        size = min(item.header_offset for item in archive.infolist())
    cases = {
        "expected a TFLite file": [b"", b"{}", content[8:]],
        "truncated, or not exported by keras-attention": [
            content[:middle],
            content[:size],
            content[:-1],
        ],
        "damaged, or not exported by keras-attention": [
            content[:middle] + b"\1\2\3" + content[middle + 3 :]
        ],
    }
    for words, contents in cases.items():
        for each in contents:
            path.write_bytes(each)
            with pytest.raises(InputError, match=rf"model\.tflite: {words}"):
                DeviceTranslator.load(path)


@pytest.mark.parametrize("kernels", ["BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_kernels_without_the_default_delegate_return_the_same_results(
    files, precision, kernels, monkeypatch
):
    """A phone may lack the delegate that the Python runtime uses."""
    device = DeviceTranslator.load(files[precision])
    found = _first_log_probabilities(device, device.codec)
    for name in ("FAST", "PLAIN"):
        monkeypatch.setattr(interpreter, name, kernels)
    device = DeviceTranslator.load(files[precision])
    rounding = 0.05 if precision in ("mixed", "int8") else 1e-4
    assert abs(_first_log_probabilities(device, device.codec) - found).max() < rounding


def test_other_runtimes_can_read_the_file(files):
    signatures = Interpreter(model_path=str(files["mixed"])).get_signature_list()
    assert set(signatures) == {"greedy", "beam", "encode", "decode_step"}
    assert signatures["greedy"] == {
        "inputs": ["source"],
        "outputs": ["alignment", "score", "tokens"],
    }
    state = [f"state_{place}" for place in range(3)]
    assert signatures["encode"]["outputs"] == ["keys", *state, "values"]
    assert signatures["decode_step"]["inputs"] == ["keys", "source", *state, "token", "values"]
    assert signatures["decode_step"]["outputs"] == ["alignment", "log_probabilities", *state]
