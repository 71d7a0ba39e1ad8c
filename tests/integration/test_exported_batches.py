"""TFLite files that search several texts together: the same outputs as one text at a time."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from runs import without_graphs
from support import write_runtime
from variants import LONG, TEXTS, assert_same, make_translator

from keras_attention import InputError, LuongAttention
from keras_attention.cli.runtimes import lines_at_once
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import TextError
from keras_attention.export.device import device_translator
from keras_attention.export.device.device_file import BATCHED, SIGNATURES, write_device_file
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.tflite import conversion
from keras_attention.export.tflite.conversion import Converted, export_tflite
from keras_attention.export.tflite.quality_gate import Quality, measure_variants

PRETRAINED = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"
LETTERS = "abcdefgh "
LINES = ["abc", "", "h", "a b c d e f", "gfedcba", "abc" * 20, "cab"]


@pytest.fixture(scope="module")
def translator():
    """Return a translator whose matrices are large enough to be stored in int8."""
    made = make_translator(
        LETTERS,
        "0123456789-",
        search=SearchSettings(24, 12, beam_width=3, no_repeat_ngram=3),
        units=64,
        embedding=32,
        attention=LuongAttention("general"),
        input_feeding=True,
    )
    made.model.set_weights([0.3 * each for each in made.model.get_weights()])
    return without_graphs(made)


@pytest.fixture(scope="module")
def converted(translator):
    return Converted.of(translator, batch_size=4)


@pytest.fixture(scope="module")
def files(converted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    return {name: converted.write(folder / f"{name}.tflite", name) for name in ("float32", "int8")}


@pytest.fixture
def device(files):
    return DeviceTranslator.load(files["float32"])


def one_at_a_time(path):
    device = DeviceTranslator.load(path)
    device.batch_size = 1
    return device


def searched_together(device, monkeypatch):
    """Return a list to which every search of `device` appends its signature."""
    run, signatures = device.run, []

    def record(signature, **inputs):
        signatures.append(signature)
        return run(signature, **inputs)

    monkeypatch.setattr(device, "run", record)
    return signatures


@pytest.mark.parametrize("width", [1, 3])
def test_a_batch_has_the_outputs_of_the_translator(translator, device, monkeypatch, width):
    signatures = searched_together(device, monkeypatch)
    found, expected = device(LINES, beam=width > 1), translator(LINES, beam_width=width)
    assert signatures == 2 * [BATCHED["beam" if width > 1 else "greedy"]]
    assert_same(found, expected)
    for one, other in zip(found, expected, strict=True):
        assert [each.text for each in one.hypotheses] == [each.text for each in other.hypotheses]


@pytest.mark.parametrize("variant_name", ["gnmt over a memory", "transformer"], indirect=True)
def test_batches_equal_the_translators(variant, tmp_path, monkeypatch):
    traced = conversion.trace_graphs
    name = BATCHED["greedy"]
    monkeypatch.setattr(conversion, "trace_graphs", lambda *given: {name: traced(*given)[name]})
    monkeypatch.setattr(device_translator, "SIGNATURES", ())
    monkeypatch.setattr(device_translator, "BATCHED", {"greedy": name})
    path = export_tflite(variant, tmp_path / "model.tflite", batch_size=3)
    device = DeviceTranslator.load(path)
    texts = [text for text in TEXTS if device.fits(text)]
    assert_same(device(texts), variant(texts, beam_width=1))


@pytest.mark.parametrize("beam", [False, True])
def test_in_int8_the_other_texts_of_a_batch_do_not_matter(files, beam):
    device, alone = DeviceTranslator.load(files["int8"]), one_at_a_time(files["int8"])
    assert device.manifest["batch_size"] == 4
    found = device(LINES, beam=beam)
    assert_same(found, alone(LINES, beam=beam))
    assert_same(device(LINES[::-1], beam=beam), found[::-1])


@pytest.mark.parametrize("beam", [False, True])
def test_growing_batches_have_the_same_outputs_in_every_new_interpreter(files, beam):
    """With XNNPACK, an interpreter whose memory grew sometimes computed wrong outputs."""
    rng, path = np.random.default_rng(1), files["float32"]
    texts = [["".join(rng.choice([*LETTERS], size)) for _ in range(4)] for size in (3, 20, 40, 70)]
    expected = [one_at_a_time(path)(batch, beam=beam) for batch in texts]
    for _ in range(10):
        device = DeviceTranslator.load(path)
        for batch, alone in zip(texts, expected, strict=True):
            assert_same(device(batch, beam=beam), alone)


def test_few_texts_are_searched_one_at_a_time(translator, device, monkeypatch):
    signatures = searched_together(device, monkeypatch)
    device.batch_size = 12  # a fourth of it is 3
    assert_same(device(LINES[:2]), translator(LINES[:2], beam_width=1))
    assert signatures == 2 * ["greedy"]
    device("abc")
    assert signatures == 3 * ["greedy"]


def test_texts_of_a_generator_are_read_batch_by_batch(device):
    read = []
    found = device.translate_each(read.append(line) or line for line in LINES)
    assert next(found).source == LINES[0]
    assert read == LINES[:4]
    assert [each.source for each in found] == LINES[1:]


def test_a_text_that_is_too_long_is_refused_after_the_texts_before_it(device):
    found = device.translate_each(["abc", "h", 2 * LONG, "a"])
    assert [next(found).source, next(found).source] == ["abc", "h"]
    with pytest.raises(TextError, match=r"^text 3: expected at most 1024 tokens including </s>\. "):
        next(found)


def test_a_pickled_translator_searches_in_batches_too(device):
    copy = pickle.loads(pickle.dumps(device))
    assert copy.batch_size == 4
    assert_same(copy(LINES), device(LINES))


def test_single_texts_and_batches_share_the_weights(translator, files):
    numbers = sum(weight.size for weight in translator.model.get_weights())
    assert files["float32"].stat().st_size < 4 * numbers + 350_000


def test_the_signatures_for_one_text_come_first(files):
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(files["int8"].read_bytes(), 0))
    keys = [signature.signatureKey.decode() for signature in model.signatureDefs]
    assert keys == [*SIGNATURES, *BATCHED.values()]


def test_the_gate_decodes_in_batches(translator, converted):
    """It counts each pair once per precision, and takes the mean time of a pair."""
    counts, decoded = [], []

    def judge(outputs, targets, sources):
        decoded.append(outputs)
        return 50.0

    pairs = [(line, line) for line in LINES]
    quality = Quality("exact", judge, True)
    gate = measure_variants(translator, converted, pairs, quality, advance=counts.append)
    assert sum(counts) == len(pairs) * 5
    assert decoded[0] == decoded[1]  # the Keras model and float32
    assert gate.variants[0].sentences == 1
    assert all(each.milliseconds > 0 for each in gate.variants)


def with_manifest(path, to, change):
    """Copy a file with another manifest, and with valid checksums."""
    device, content = DeviceTranslator.load(path), path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = min(item.header_offset for item in archive.infolist())
    write_device_file(to, content[:size], device.codec, {**device.manifest, **change})
    return to


def test_another_batch_size_in_the_manifest_is_refused(files, tmp_path):
    changed = with_manifest(files["float32"], tmp_path / "m.tflite", {"batch_size": 5})
    device = DeviceTranslator.load(changed)
    expected = r"m\.tflite: damaged, expected `source` of the signature `greedy_batch` .*\[5, -1\]"
    with pytest.raises(InputError, match=expected):
        device(LINES)


def test_a_manifest_with_a_batch_size_requires_the_signatures(tmp_path):
    changed = with_manifest(PRETRAINED, tmp_path / "m.tflite", {"batch_size": 4})
    with pytest.raises(InputError, match="the signature 'beam_batch' is missing"):
        DeviceTranslator.load(changed)


@pytest.mark.parametrize("size", [0, 1025, 2.5, True])
def test_a_batch_size_out_of_its_range_is_refused(translator, tmp_path, size):
    with pytest.raises(ValueError, match=r"`batch_size` must be .* Received: batch_size="):
        export_tflite(translator, tmp_path / "m.tflite", batch_size=size)
    assert not list(tmp_path.iterdir())


def test_the_command_line_sorts_and_translates_in_batches(files, run, tmp_path):
    assert lines_at_once(files["int8"], 64) == 4 * 16
    assert lines_at_once(PRETRAINED, 64) == 64
    source = tmp_path / "lines.txt"
    source.write_text("".join(f"{line}\n" for line in LINES))
    done = run("translate", files["int8"], source, "--scores")
    expected = one_at_a_time(files["int8"])(LINES)
    printed = [line.split("\t") for line in done.out.splitlines()]
    assert [text for _, text in printed] == [each.text for each in expected]
    scores = [float(score) for score, _ in printed]
    np.testing.assert_allclose(scores, [each.score for each in expected], atol=1e-3)
    both = run("translate", files["int8"], source, "--workers", 2)
    assert both.out.splitlines() == [each.text for each in expected]


def test_a_web_page_is_refused(files, run, tmp_path):
    write_runtime(tmp_path)
    refused = run("export", files["int8"], "--web", tmp_path / "page", "--runtime", tmp_path)
    assert refused.code == 2 and not (tmp_path / "page").exists()
    assert "without --tflite-batch. Received: a file that searches 4 texts together." in refused.err
