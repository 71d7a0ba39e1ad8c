"""Models with subwords are trained and exported: all runtimes return the Keras model's results."""

import json
import random
import subprocess
import sys
import zipfile
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from shared_data import SHARED, needs_shared
from variants import TEXTS, assert_same

from keras_attention import InputError, LuongAttention, Seq2Seq, Translator
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.conversion import export_tflite
from keras_attention.export.verify import verify
from keras_attention.training.assembly.tokenizers import learn_tokenizers
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.recipe.text_config import TextConfig
from keras_attention.training.train import train
from keras_attention.translation.codec import TextCodec

BOTH = {"source_tokenizer": "subword", "target_tokenizer": "subword"}
VARIANTS = {
    "unigram to letters": {
        "source_tokenizer": "subword",
        "source_vocabulary_size": 44,
        "target_normalization": "nfd",
    },
    "joint bpe": {
        **BOTH,
        "source_vocabulary_size": 110,
        "joint_vocabulary": True,
        "subword_type": "bpe",
        "source_normalization": "nfkc",
        "lowercase": True,
    },
    "bpe of each side": {
        **BOTH,
        "source_vocabulary_size": 60,
        "target_vocabulary_size": 50,
        "subword_type": "bpe",
    },
}

ENGLISH = "The the cat dog Sat on mat ran after a while sleeping barks quickly it they".split()
KOREAN = "고양이가 개가 앉았다 달렸다 매트 위에 한국어 그리고 잔다 빨리".split()


def make_pairs(count=300):
    generator = random.Random(1)
    return [
        tuple(" ".join(generator.choices(words, k=generator.randint(1, 6))) for words in sides)
        for sides in [(ENGLISH, KOREAN)] * count
    ]


def make_translator(pairs, search=None, **text):
    """Return a translator with learned tokenizers and random weights."""
    source, target = learn_tokenizers(TextConfig(**text), pairs)
    network = Seq2Seq(
        len(source.vocabulary),
        len(target.vocabulary),
        units=8,
        embedding=6,
        attention=LuongAttention("general"),
    )
    network.build()
    rng = np.random.default_rng(5)
    network.set_weights([rng.standard_normal(w.shape) for w in network.get_weights()])
    return Translator(network, TextCodec(source, target, search or SearchSettings(32, 12)))


def exported(name, build):
    """Return the folder of a saved and exported variant; do not change it."""

    def export(folder):
        translator = make_translator(make_pairs(), **VARIANTS[name])
        translator.save(folder)
        export_saved_model(translator, folder)
        export_tflite(translator, folder / "model.tflite")

    return build(f"subwords, {name}", export)


@pytest.fixture(scope="module", params=VARIANTS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def translator(name):
    return make_translator(make_pairs(), **VARIANTS[name])


@pytest.fixture(scope="module")
def folder(name, build):
    return exported(name, build)


@pytest.fixture(scope="module")
def load(build):
    """Return a function that loads the SavedModel of a variant once."""
    return cache(lambda name: SavedModelTranslator.load(exported(name, build) / "1"))


on_one = pytest.mark.parametrize("name", ["joint bpe"], indirect=True, scope="module")
of_each_kind = pytest.mark.parametrize(
    "name", ["joint bpe", "unigram to letters"], indirect=True, scope="module"
)


def lines():
    return [*TEXTS, *(source for source, _ in make_pairs(20)), "The 漢字漢 cat漢 ﬁ"]


def test_a_saved_model_is_loaded_with_the_same_results(translator, folder):
    loaded = Translator.load(folder)
    assert loaded.codec.to_files() == translator.codec.to_files()
    assert_same(loaded(lines()), translator(lines()))


def test_the_saved_model_returns_the_same_translations(name, translator, load):
    assert_same(load(name)(lines()), translator(lines()))


def test_the_tflite_file_returns_the_same_translations(translator, folder):
    device = DeviceTranslator.load(folder / "model.tflite")
    texts = [text for text in lines() if device.fits(text)]
    assert len(texts) > 20
    assert_same(device(texts), translator(texts))
    with zipfile.ZipFile(folder / "model.tflite") as archive:
        assert archive.read("source.subwords.model") == translator.codec.source.model
        assert not translator.codec.joint_vocabulary or "target" not in str(archive.namelist())


@on_one
def test_verify_agrees(translator, folder):
    counts, lines = [], [source for source, _ in make_pairs(20)]
    agreements = verify(translator, folder, lines, advance=counts.append)
    assert [agreement.agrees for agreement in agreements] == [True, True]
    assert sum(counts) == 2 * 2 * len(lines)  # these counts advance a progress bar


def test_each_side_and_each_model_keeps_its_own_subwords(load):
    """Without names, the BPE model that is loaded last would replace all others (text#1304)."""
    texts, names = lines(), ("bpe of each side", "joint bpe")
    loaded = [load(name)._signatures for name in names]
    for signatures, name in zip(loaded, names, strict=True):
        translator = make_translator(make_pairs(), **VARIANTS[name])
        found = signatures["score"](source=tf.constant(texts), target=tf.constant(texts))
        expected = [pair.score for pair in translator.score(texts, texts)]
        np.testing.assert_allclose(found["score"], expected, atol=1e-3)
        ids = signatures["tokenize"](text=tf.constant(texts))["ids"].numpy()
        assert [list(filter(None, row)) for row in ids.tolist()] == [
            translator.codec.source.encode(text) for text in texts
        ]


SAVED_MODEL = """
import json, sys
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
translations = SavedModelTranslator.load(sys.argv[1] + "/1")(json.loads(sys.argv[2]))
"""
DEVICE = """
import json, sys
for name in ("tensorflow", "tensorflow_text", "keras", "sentencepiece"):
    sys.modules[name] = None
from keras_attention.export.device.device_translator import DeviceTranslator
translations = DeviceTranslator.load(sys.argv[1] + "/model.tflite")(json.loads(sys.argv[2]))
"""
SHOW = "\nprint(json.dumps([(t.source_tokens, t.tokens, t.text) for t in translations]))"


@on_one
@pytest.mark.parametrize("code", [SAVED_MODEL, DEVICE], ids=["SavedModel", "device"])
def test_exports_run_in_a_fresh_process(translator, folder, code):
    texts = ["the cat sat", "", "漢字 Dog"]
    arguments = [str(folder), json.dumps(texts)]
    done = subprocess.run(
        [sys.executable, "-c", code + SHOW, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    expected = [[list(t.source_tokens), list(t.tokens), t.text] for t in translator(texts)]
    assert json.loads(done.stdout) == expected


@on_one
def test_loading_without_tensorflow_text_is_refused(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    with pytest.raises(InputError, match="require the package tensorflow-text"):
        SavedModelTranslator.load(folder / "1")


@of_each_kind
def test_everything_runs_without_sentencepiece(translator, folder, monkeypatch):
    texts = lines()[:8]
    device = DeviceTranslator.load(folder / "model.tflite")
    fitting = [text for text in texts if device.fits(text)]
    expected = translator(texts), device(fitting)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    assert_same(Translator.load(folder)(texts), expected[0])
    assert_same(DeviceTranslator.load(folder / "model.tflite")(fitting), expected[1])


def test_a_trained_model_with_a_joint_vocabulary_is_loaded_unchanged(eagerly, tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{s}\t{t}\n" for s, t in make_pairs()), encoding="utf-8")
    text = [f"{key}={json.dumps(value)}" for key, value in VARIANTS["joint bpe"].items()]
    settings = ["format=tsv", f"data.path={file}", "held_out=200", "max_target_length=24"]
    settings += ["epochs=1", "units=16", "embedding=8", "batch_size=32", "validation_path="]
    trained = train(load_recipe("dates", [*settings, *text]), tmp_path / "run")
    assert trained.codec.joint_vocabulary
    assert trained.codec.target.vocabulary == trained.codec.source.vocabulary
    assert not (tmp_path / "run" / "target.subwords.model").exists()
    assert_same(Translator.load(tmp_path / "run")(lines()), trained(lines()))


@needs_shared
def test_an_export_of_real_captions_returns_the_same_translations(tmp_path):
    files = [
        (SHARED / "multi30k" / name).read_text(encoding="utf-8").splitlines()
        for name in ("val.en", "val.de")
    ]
    pairs = list(zip(*files, strict=True))
    sizes = {"source_vocabulary_size": 800, "target_vocabulary_size": 800}
    translator = make_translator(pairs[:600], SearchSettings(60, 12), **BOTH, **sizes)
    texts = [source for source, _ in pairs[600:800]]
    assert not translator.codec.joint_vocabulary
    exported = SavedModelTranslator.load(export_saved_model(translator, tmp_path))
    assert_same(exported(texts), translator(texts))
