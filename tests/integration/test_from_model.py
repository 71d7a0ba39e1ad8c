"""A model that the user trains on arrays translates text and is exported.

The code of docs/how-to/python.md runs first. The code of own-parts.md continues it.
"""

import re
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from runs import search_eagerly

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    Ensemble,
    InputError,
    LuongAttention,
    Seq2Seq,
    Translator,
    Vocabulary,
    WordTokenizer,
    search,
)
from keras_attention.attention.registry import MECHANISMS, SCORES
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.graphs.portable import portable_copy
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.conversion import export_tflite

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
TEXTS = ["one", "two one", "three", "", "four"]
LENGTHS = {"max_source_length": 9, "max_length": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(folder):
    """Run the code of the pages in an empty folder, and return its variables."""
    variables = {}
    text = "\n".join((HOW_TO / name).read_text("utf-8") for name in ("python.md", "own-parts.md"))
    code = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    kept = mock.patch.dict(MECHANISMS), mock.patch.dict(SCORES)
    with pytest.MonkeyPatch.context() as patch, kept[0], kept[1]:
        patch.chdir(folder)
        search_eagerly(patch)
        for block in code:
            exec(block, variables)
    return variables


def test_a_copying_model_that_was_never_built_is_refused_in_a_sentence():
    letters = CharacterTokenizer(Vocabulary("ab"))
    model = Seq2Seq(6, 6, units=4, attention=BahdanauAttention(4), copying=True)
    with pytest.raises(InputError, match="expected a copying model that maps each source id"):
        Translator.from_model(model, letters, letters, max_source_length=9, max_length=9)


def test_a_model_trained_on_arrays_translates_as_the_page_shows(page):
    translator, pairs = page["translator"], page["pairs"]
    assert [found.text for found in translator([source for source, _ in pairs])] == [
        target for _, target in pairs
    ]
    assert len(translator("one").hypotheses) == 2  # the model's own setting is beam_width=2


@pytest.mark.parametrize("kind", [Translator, SavedModelTranslator, DeviceTranslator])
def test_the_model_is_saved_and_exported(kind, page, folder):
    path = {Translator: "", SavedModelTranslator: "1", DeviceTranslator: "numbers.tflite"}[kind]
    loaded, expected = kind.load(folder / "numbers" / path), page["translator"]
    options = {"beam": True} if kind is DeviceTranslator else {}
    for one, other in zip(loaded(TEXTS, **options), expected(TEXTS), strict=True):
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-4)


def test_a_seq2seq_can_copy_the_weights_of_a_functional_model(page):
    inputs = page["sources"], page["shifted"]
    np.testing.assert_allclose(page["same"](inputs), page["functional"](inputs), atol=1e-5)


def tokenizers(source="abc", target="xy"):
    return CharacterTokenizer(Vocabulary(source)), CharacterTokenizer(Vocabulary(target))


def small(source_size=7, target_size=6, **settings):
    return Seq2Seq(source_size, target_size, units=4, embedding=4, **settings)


def functional_model():
    ids = keras.Input((None,), dtype="int32")
    return keras.Model(ids, keras.layers.Embedding(7, 6)(ids))


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        (lambda: small(8), {}, "source vocabulary does not belong .* expected 8 .* Received: 7"),
        (lambda: small(7, 5), {}, "target vocabulary does not belong .* expected 5 .*ceived: 6"),
        (
            functional_model,
            {},
            "expected a Seq2Seq. Received: Functional. Only .* docs/how-to/python.md",
        ),
        (small, {"beam": 2}, "^unknown argument 'beam'; the nearest is 'beam_width'.$"),
        (
            small,
            {"max_length": 0},
            "`max_length` must be an integer of .*Received: max_length=0",
        ),
        (
            small,
            {"beam_width": 0},
            "`beam_width` must be an integer of .*Received: beam_width=0",
        ),
        (lambda: Ensemble([small()]), {}, "expected a Seq2Seq. Received: Ensemble.$"),
    ],
)
def test_invalid_arguments_raise_a_one_sentence_error(model, more, message):
    with pytest.raises(InputError, match=message):
        Translator.from_model(model(), *tokenizers(), **{**LENGTHS, **more})


def test_weights_that_are_not_finite_are_neither_loaded_nor_exported(tmp_path):
    model = small()
    translator = Translator.from_model(model, *tokenizers(), **LENGTHS)
    translator.model.weights[-1].assign(np.full(translator.model.weights[-1].shape, np.nan))
    with pytest.raises(InputError, match="^expected a model with finite weights. R"):
        Translator.from_model(model, *tokenizers(), **LENGTHS)
    with pytest.raises(InputError, match="^expected a model with finite weights. R"):
        export_tflite(translator, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_is_refused_as_a_tokenizer():
    source, target = tokenizers()
    with pytest.raises(InputError, match="`target_tokenizer` must be a .* Received: Vocabulary"):
        Translator.from_model(small(), source, target.vocabulary, **LENGTHS)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: Translator(model, None),
        lambda model: search(model, np.array([[4, 2]]), max_length=3),
        lambda model: Ensemble([model]),
    ],
)
def test_the_error_for_a_functional_model_explains_how_to_make_a_seq2seq(use):
    with pytest.raises(InputError, match="Received: Functional.*'From a functional model'"):
        use(functional_model())


def test_the_error_for_a_saved_functional_model_explains_how_to_make_a_seq2seq(tmp_path):
    Translator.from_model(small(), *tokenizers(), **LENGTHS).save(tmp_path)
    functional_model().save(tmp_path / "model.keras")
    with pytest.raises(InputError, match="model.keras: .*Functional.*'From a functional model'"):
        Translator.load(tmp_path)


def test_the_error_of_an_export_mentions_from_model():
    with pytest.raises(InputError, match="Translator.from_model.* Received: Seq2Seq"):
        portable_copy(small())


def test_a_model_that_copies_requires_set_targets():
    model = small(attention=LuongAttention("general"), copying=True)
    model.build()
    source, target = WordTokenizer(Vocabulary("abc")), WordTokenizer(Vocabulary("xb"))
    with pytest.raises(InputError, match="set_targets") as refused:
        Translator.from_model(model, source, target, **LENGTHS)
    call = re.search(r"`(model\.copy_output\.set_targets.*?)` before", str(refused.value))[1]
    eval(call, {"model": model, "source_tokenizer": source, "target_tokenizer": target})
    translator = Translator.from_model(model, source, target, **LENGTHS)
    assert translator.codec.settings.replace_unknown


def test_a_model_in_mixed_precision_computes_like_a_loaded_one():
    model = small(attention=BahdanauAttention(4, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    translator = Translator.from_model(model, *tokenizers(), **LENGTHS)
    assert translator.model.compute_dtype == "float32"
    assert model.compute_dtype == "bfloat16"
