"""Forced terms in the outputs of exports, compared with those of the Keras model."""

import re

import keras
import pytest
from variants import LONG, TEXTS, assert_same

from keras_attention.errors import InputError, OptionError, TextError
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.device_terms import translate_with_terms

pytestmark = pytest.mark.parametrize(
    "variant_name",
    ["subwords", "transformer"],
    indirect=True,
    scope="session",
    ids="variant {}".format,
)


@pytest.fixture(scope="module")
def terms(variant):
    """Return a glossary. Its second target term has two forms."""
    decode = variant.codec.target.decode
    return {"cat": decode([6, 5, 6]), "abc*": [decode([7, 4]), decode([5])]}


def assert_equal(actual, expected):
    assert_same(actual, expected)
    for one, other in zip(actual, expected, strict=True):
        assert [each.text for each in one.hypotheses] == [each.text for each in other.hypotheses]


def test_a_saved_model_forces_the_terms_of_the_model(variant, served, terms):
    texts = [*TEXTS, LONG]
    expected = variant(texts, terms=terms, beam_width=4)
    assert expected[0].text != variant(texts[0], beam_width=4).text
    assert_equal(served(texts, terms=terms, beam_width=4, nbest=4), expected)
    (found,) = served(texts[:1], terms=terms, beam_width=4, batch_size=1)
    assert [each.text for each in found.hypotheses] == [expected[0].text]


def test_a_tflite_file_forces_the_terms_of_the_model(variant, tflite_file, terms):
    device, texts = DeviceTranslator.load(tflite_file), [TEXTS[0], "", "abcabc a"]
    found = list(translate_with_terms(device, texts, terms, beam_width=3, nbest=3))
    assert_equal(found, variant(texts, terms=terms, beam_width=3))


def test_a_tflite_file_forces_terms_into_the_output_of_a_long_text(variant, tflite_file, terms):
    long = TEXTS[0] + " abc" * 10  # more tokens than `max_source_length`
    found = translate_with_terms(DeviceTranslator.load(tflite_file), [long], terms, beam_width=3)
    assert [each.text for each in found] == [variant(long, terms=terms, beam_width=3).text]
    device = DeviceTranslator.load(tflite_file, max_tokens=5)
    with pytest.raises(TextError, match="^text 1: expected at most 5 tokens"):
        list(translate_with_terms(device, [long], terms, beam_width=3))


def test_terms_that_cannot_be_used_are_refused(variant, served, tflite_file, terms, monkeypatch):
    device = DeviceTranslator.load(tflite_file)

    def ask_device(**options):
        return list(translate_with_terms(device, ["the cat"], **options))

    def ask_saved_model(**options):
        return served(["the cat"], **options)

    for ask in (ask_device, ask_saved_model):
        with pytest.raises(OptionError, match="`beam_width` must be at least 2 to force `terms`"):
            ask(terms=terms, beam_width=1)
        with pytest.raises(OptionError, match="`terms` must contain at least one term"):
            ask(terms={}, beam_width=3)
        with pytest.raises(TextError, match="^term 1: expected tokens of the target vocabulary"):
            ask(terms={"cat": "qq"}, beam_width=3)
        long = variant.codec.target.decode([6, 5]) * 40
        with pytest.raises(
            TextError, match="^text 1: expected terms that fit into an output of 12"
        ):
            ask(terms={"cat": long}, beam_width=3)
    with pytest.raises(OptionError, match="`terms` must be None to stream the tokens"):
        served.stream("the cat", terms=terms)
    older = SavedModelTranslator(served._signatures, served.manifest)
    with pytest.raises(InputError, match="^to force terms, export the model again. Received: a Sa"):
        older(["a"], terms=terms, beam_width=3)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="forces terms only if Keras runs on TensorFlow; unset"):
        ask_device(terms=terms, beam_width=3)


def test_translate_forces_terms_into_the_lines_of_an_export(
    variant, run, saved_model, tflite_file, terms, tmp_path
):
    glossary = tmp_path / "terms.tsv"
    glossary.write_text(f"cat\t{terms['cat']}\n", encoding="utf-8")
    expected = variant("the cat", terms={"cat": terms["cat"]}, beam_width=3).text
    for path in (saved_model, tflite_file):
        arguments = ("translate", path, "--terms", glossary, "--beam")
        found = run(*arguments, 3, stdin=b"the cat\n")
        assert (found.code, found.out) == (0, f"{expected}\n")
        found = run(*arguments, 1, stdin=b"the cat\n")
        assert found.code == 2 and found.err.count("\n") == 1
        assert "--beam must be at least 2 to force --terms" in found.err
        glossary.write_text("cat\tqq\n")
        found = run(*arguments, 3, stdin=b"the cat\n")
        assert found.code == 2 and re.search(r"terms.tsv, line 1: expected tokens of", found.err)
        glossary.write_text(f"cat\t{terms['cat']}\n", encoding="utf-8")
