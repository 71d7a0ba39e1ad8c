"""Every call with our keyword arguments suggests the nearest name for an unknown argument."""

import numpy as np
import pytest
from support import random_translator

from keras_attention import CharacterTokenizer, Seq2Seq, Translator, Vocabulary, search
from keras_attention.decoding.options import SearchOptions
from keras_attention.translation.signature_answers import check_search

LETTERS = CharacterTokenizer(Vocabulary("abc"))
LENGTHS = {"max_source_length": 9, "max_length": 5}
SOURCE = np.array([[4, 5, 2]])


@pytest.fixture(scope="module")
def translator():
    return random_translator(LETTERS)


CALLS = {
    "translator": (lambda t: t("cab", beam=4), "beam", "beam_width"),
    "translator of many": (lambda t: t(["cab"], batchsize=4), "batchsize", "batch_size"),
    "an argument of translators": (lambda t: t("cab", feature={}), "feature", "features"),
    "an argument of calls": (lambda t: t("cab", progres=True), "progres", "progress"),
    "stream": (lambda t: t.stream(["cab"], penalty=1), "penalty", "length_penalty"),
    "SearchOptions": (lambda t: SearchOptions(max_length=5, topk=1), "topk", "top_k"),
    "search": (lambda t: search(t.model, SOURCE, max_length=5, beam=2), "beam", "beam_width"),
    "search with options": (
        lambda t: search(t.model, SOURCE, SearchOptions(max_length=5), maxlength=2),
        "maxlength",
        "max_length",
    ),
    "from_model": (
        lambda t: Translator.from_model(t.model, LETTERS, LETTERS, beam=2, **LENGTHS),
        "beam",
        "beam_width",
    ),
    "served": (lambda t: check_search(1, beam=2), "beam", "beam_width"),
    "Seq2Seq": (lambda t: Seq2Seq(7, 7, unit=8), "unit", "units"),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_error_for_an_unknown_argument_suggests_the_nearest_name(call, translator):
    function, unknown, nearest = CALLS[call]
    with pytest.raises((TypeError, ValueError)) as error:
        function(translator)
    assert str(error.value) == f"unknown argument {unknown!r}; the nearest is {nearest!r}."


def test_arguments_of_keras_are_accepted():
    assert Seq2Seq(7, 7, units=4, name="small", dtype="float32", trainable=False).name == "small"
