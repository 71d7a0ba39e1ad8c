"""Translators whose outputs must contain terms."""

import itertools
import re

import numpy as np
import pytest
from support import cases, random_translator

from keras_attention import (
    CharacterTokenizer,
    Ensemble,
    LuongAttention,
    Translator,
    Vocabulary,
)
from keras_attention.decoding.short_list import ShortList
from keras_attention.errors import OptionError, TextError
from keras_attention.special_tokens import END

LETTERS = CharacterTokenizer(Vocabulary("ab c"))
TEXTS = ["a b", "cab", "", "b", "c b a"]
TERMS = {"a": "bb", "b": ["c", "a*"]}
LENGTH = 5
SPELLED = {"bb": r"\bbb\b", "c": r"\bc\b", "a*": r"\ba"}


@pytest.fixture(scope="module")
def translator():
    return random_translator(LETTERS, attention=LuongAttention())


def contains(source, output):
    """Return whether an output contains the terms of its source, by regular expressions."""
    needed = [TERMS[word] for word in source.split() if word in TERMS]
    forms = [[each] if isinstance(each, str) else each for each in needed]
    return all(any(re.search(SPELLED[form], output) for form in each) for each in forms)


@cases("beam", [2, 5], elsewhere=[2])
def test_every_output_contains_the_terms_of_its_source(translator, beam):
    found = translator(TEXTS, terms=TERMS, beam_width=beam, max_length=9)
    assert [each.source for each in found] == TEXTS
    for translation in found:
        assert translation.hypotheses
        for hypothesis in translation.hypotheses:
            assert not translation.source or hypothesis.tokens[-1] == END
            assert contains(translation.source, hypothesis.text)


def test_the_widest_beam_finds_the_best_output_with_the_terms(translator):
    """`score` computes every score without a search; "x" stands for `<unk>`."""
    every = ["".join(each) for n in range(LENGTH) for each in itertools.product("ab cx", repeat=n)]
    outputs = [text for text in every if contains("b", text)]
    best = max(translator.score(["b"] * len(outputs), outputs), key=lambda each: each.score)
    found = translator("b", terms=TERMS, beam_width=len(every), max_length=LENGTH)
    assert found.text.replace("<unk>", "x") == best.target
    assert found.score == pytest.approx(best.score, abs=1e-3)


def test_texts_without_terms_are_translated_as_if_there_were_none(translator):
    texts = ["cab", "ba", ""]
    for plain, found in zip(
        translator(texts, beam_width=2), translator(texts, beam_width=2, terms=TERMS), strict=True
    ):
        assert [each.text for each in plain.hypotheses] == [each.text for each in found.hypotheses]


def test_a_list_of_terms_is_forced_into_every_output(translator):
    for translation in translator(["a", "b"], terms=["cc", "b"], beam_width=2, max_length=9):
        words = re.findall(r"\w+", translation.text)
        assert "cc" in words and "b" in words


def test_a_short_list_does_not_hide_terms(translator):
    size = len(LETTERS.vocabulary)
    narrow = ShortList(np.arange(4, 6, dtype="int32"), np.zeros((size, 1), "int32"), size)
    limited = Translator(translator.model, translator.codec, narrow)
    assert "c" in limited("a", terms=["c"], beam_width=2, max_length=9).text


def test_terms_are_forced_in_ensembles(translator):
    ensemble = Translator(Ensemble([translator.model, translator.model]), translator.codec)
    assert contains("a b", ensemble("a b", terms=TERMS, beam_width=2, max_length=9).text)


def test_a_text_whose_terms_do_not_fit_is_an_error_after_the_texts_before_it(translator):
    found = translator.stream(["b", "a b"], terms=TERMS, beam_width=2, max_length=4)
    assert next(found).source == "b"
    with pytest.raises(TextError, match="text 2: .* output of 4 tokens .* need at least 5"):
        next(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`beam_width` must be at least 2 to force `terms`"),
        ({"beam_width": 3, "pattern": "a+"}, "`terms` must be None with `allowed`, `pattern`"),
        ({"beam_width": 3, "sample": True}, "`terms` requires beam search"),
    ],
)
def test_options_that_contradict_terms_are_refused(translator, options, message):
    with pytest.raises(OptionError, match=message):
        translator(TEXTS, terms=TERMS, **options)


def test_terms_are_not_forced_token_by_token(translator):
    with pytest.raises(OptionError, match="`terms` must be None to stream the tokens"):
        translator.stream("a", terms=TERMS)
