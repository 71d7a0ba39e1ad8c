"""Translators whose outputs are limited to texts or to a pattern."""

import pickle
import re

import numpy as np
import pytest
from support import cases, random_translator

from keras_attention import (
    CharacterTokenizer,
    Ensemble,
    InputError,
    LuongAttention,
    Translator,
    Vocabulary,
)
from keras_attention.decoding.short_list import ShortList
from keras_attention.special_tokens import END
from keras_attention.text import SubwordTokenizer, learn_subwords

LETTERS = CharacterTokenizer(Vocabulary("abc12-"))
TEXTS = ["abc", "a", "c2-", "b"]
ALLOWED = ["ab", "a1", "c-c-c", "2", "bca", "1-1-1-1"]
PATTERN = r"[abc]{2}-\d?\d"


@pytest.fixture(scope="module")
def translator():
    return random_translator(LETTERS, attention=LuongAttention())


def matching():
    """Return all texts that match `PATTERN`."""
    numbers = [*"12", "11", "12", "21", "22"]
    return [a + b + "-" + number for a in "abc" for b in "abc" for number in numbers]


@cases("rule", ["allowed", "pattern"], elsewhere=["pattern"])
def test_the_widest_beam_finds_the_best_allowed_texts(translator, rule):
    """`score` computes the score of every allowed text by teacher forcing, without a search."""
    value, texts = {"allowed": (ALLOWED, ALLOWED), "pattern": (PATTERN, matching())}[rule]
    found = translator(TEXTS, beam_width=len(texts), **{rule: value})
    for source, translation in zip(TEXTS, found, strict=True):
        scores = [each.score for each in translator.score([source] * len(texts), texts)]
        order = np.argsort(scores)[::-1]
        assert [each.text for each in translation.hypotheses] == [texts[place] for place in order]
        actual = [each.score for each in translation.hypotheses]
        assert actual == pytest.approx([scores[place] for place in order], abs=1e-3)


@pytest.mark.parametrize(
    "options", [{}, {"beam_width": 4, "groups": 2}, {"beam_width": 20, "sample": True, "seed": 1}]
)
def test_every_output_is_complete_and_matches(translator, options):
    for translation in translator(TEXTS, pattern=PATTERN, **options):
        assert translation.hypotheses
        for hypothesis in translation.hypotheses:
            assert re.fullmatch(PATTERN, hypothesis.text) and hypothesis.tokens[-1] == END


def test_an_output_ends_within_the_largest_length(translator):
    for length in (2, 3, 5):
        found = translator(TEXTS, pattern=r"[abc](\d-)*", max_length=length, beam_width=3)
        for hypothesis in (each for translation in found for each in translation.hypotheses):
            assert len(hypothesis.tokens) <= length and hypothesis.tokens[-1] == END


def test_a_subword_model_writes_only_matching_texts():
    words = SubwordTokenizer(learn_subwords(["low lower", "new newer", "2 20 26"], 16))
    pattern = r"(low|new)(er)?( \d+)?"
    found = random_translator(words)(["low", "newer 2"], pattern=pattern, beam_width=5)
    texts = [hypothesis.text for translation in found for hypothesis in translation.hypotheses]
    assert texts and all(re.fullmatch(pattern, text) for text in texts)


def test_a_prefix_and_a_limit_apply_together(translator):
    (translation,) = translator(["abc"], allowed=ALLOWED, prefix="a", beam_width=4)
    assert {each.text for each in translation.hypotheses} == {"ab", "a1"}
    with pytest.raises(InputError, match="`prefix` must be the beginning of an allowed output"):
        translator("abc", allowed=ALLOWED, prefix="b1")


def test_a_limit_of_the_translator_holds_until_a_call_replaces_it(translator):
    limited = Translator(translator.model, translator.codec)
    limited.limit_outputs(pattern="1-1")
    assert limited("abc").text == pickle.loads(pickle.dumps(limited))("abc").text == "1-1"
    assert limited("abc", allowed=["2"]).text == "2"
    limited.limit_outputs()
    assert limited("abc").text == translator("abc").text


def test_a_limit_searches_the_whole_vocabulary():
    """The short list lacks the tokens of the only allowed output."""
    letters = CharacterTokenizer(Vocabulary(map(chr, range(0x4E00, 0x4E00 + 1100))))
    whole = random_translator(letters)
    size = len(letters.vocabulary)
    narrow = ShortList(np.arange(4, 8, dtype="int32"), np.zeros((size, 1), "int32"), size)
    short = Translator(whole.model, whole.codec, narrow)
    rare = chr(0x4E00 + 1099)
    assert short(rare, allowed=[rare * 2]).text == rare * 2


def test_a_limit_applies_to_an_ensemble_and_to_a_model_that_copies(translator):
    copying = random_translator(LETTERS, attention=LuongAttention("general"), copying=True, seed=1)
    both = Translator(Ensemble([translator.model, copying.model]), translator.codec)
    for each in (copying, both):
        found = each(TEXTS, pattern=PATTERN, beam_width=3)
        assert all(re.fullmatch(PATTERN, one.text) for row in found for one in row.hypotheses)


def test_a_text_without_tokens_still_has_an_empty_output(translator):
    assert translator("", pattern=PATTERN).text == ""


def test_rules_that_are_used_again_are_not_compiled_again(translator):
    translator("a", pattern="[ab]{3}")
    before = translator._rules._make_rule.cache_info().misses
    translator(["a", "b"], pattern="[ab]{3}")
    translator(["a"], pattern="[ab]{3}", beam_width=2)
    assert translator._rules._make_rule.cache_info().misses == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "[a"}, "must be a valid regular expression"),
        ({"pattern": "x"}, "must match at least one output of known target tokens"),
        ({"pattern": "a{20}"}, "`max_length` must be at least 21"),
        ({"allowed": ["a" * 20]}, "`max_length` must be at least 21"),
        ({"allowed": ["a", "b" * 12]}, "must not be longer than `max_length`"),
        ({"allowed": ["a", "xa"]}, "allowed output 2: expected tokens of the target vocabulary"),
        ({"pattern": "a", "allowed": ["a"]}, "`allowed` excludes `pattern`"),
        ({"pattern": "a", "min_length": 2}, "`min_length` must be at most 1 if outputs"),
        ({"pattern": "a", "no_repeat_ngram": 1}, "`no_repeat_ngram` must be 0 if outputs"),
    ],
)
def test_a_limit_that_cannot_be_used_is_refused_before_the_search(translator, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        translator.stream(TEXTS, **options)
