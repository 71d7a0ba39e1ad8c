import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import OptionError, TextError
from keras_attention.translation.outputs import output_rule
from keras_attention.translation.outputs.output_rule import make_output_rule

LETTERS = CharacterTokenizer(Vocabulary("abé"), lowercase=True)
WORDS = WordTokenizer(Vocabulary(["two", "words"]))
OPTIONS = SearchOptions(max_length=4)


def closed(*texts, tokenizer=LETTERS):
    return make_output_rule(tokenizer, texts, None)


def test_a_closed_set_accepts_its_texts_as_the_tokenizer_splits_them():
    rule = closed("ab", "AB", "", "e\u0301")
    assert rule.about == {"allowed": 2} and rule.longest == ("ab", 3)
    assert rule.automaton.follow(LETTERS.encode("ab")) is not None
    assert rule.automaton.follow(LETTERS.encode("é")) is not None
    assert rule.automaton.follow(LETTERS.encode("a")) is None
    words = closed("two  words ", tokenizer=WORDS)
    assert words.automaton.follow(WORDS.encode("two words")) is not None


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", "", "ax"], "allowed output 3: .* 'ax' with the unknown token 'x'."),
        (["a", 3], "allowed output 2: expected a string. Received: 3"),
        ([["a"]], "allowed output 1: expected a string"),
        (["\ud800"], "allowed output 1: expected valid Unicode"),
    ],
)
def test_a_text_that_the_tokenizer_cannot_encode_is_refused(texts, message):
    with pytest.raises(TextError, match=message):
        make_output_rule(LETTERS, texts, None)


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_a_set_without_texts_is_refused(texts):
    with pytest.raises(OptionError, match="`allowed` must contain at least one text"):
        make_output_rule(LETTERS, texts, None)


def test_a_single_text_is_not_a_set():
    with pytest.raises(TypeError, match="`allowed` must be an iterable of strings"):
        make_output_rule(LETTERS, "ab", None)


def test_a_set_of_too_many_tokens_is_refused(monkeypatch):
    monkeypatch.setattr(output_rule, "MOST_EDGES", 5)
    with pytest.raises(OptionError, match="at most 5 tokens in all. Received: .* text 2 on"):
        closed("ab", "ab")


def test_both_rules_at_once_are_refused():
    with pytest.raises(OptionError, match="`allowed` excludes `pattern`; choose one"):
        make_output_rule(LETTERS, ["a"], "a")


def test_a_pattern_must_be_a_string():
    with pytest.raises(OptionError, match="`pattern` must be a string. Received: pattern=3"):
        make_output_rule(LETTERS, None, 3)


def test_an_empty_pattern_is_refused():
    with pytest.raises(OptionError, match="`pattern` must not be empty, .* Received: pattern=''"):
        make_output_rule(LETTERS, None, "")


def test_an_output_longer_than_the_limit_is_refused():
    rule = closed("a", "abab")
    with pytest.raises(OptionError, match=r"longer than `max_length` \(4 tokens\).* of 5 tokens"):
        rule.check(OPTIONS)
    rule.check(SearchOptions(max_length=5))
    make_output_rule(LETTERS, None, "a|abab").check(OPTIONS)  # the shorter output is still allowed


@pytest.mark.parametrize(
    ("prefix", "valid"), [("a", True), ("ab", True), ("b", False), ("aba", False)]
)
def test_a_prefix_must_begin_an_output_that_can_end_in_time(prefix, valid):
    rule = make_output_rule(LETTERS, None, "ab(ab)*")
    ids = LETTERS.encode(prefix)[:-1]
    if valid:
        rule.check(OPTIONS, prefix, ids)
        return
    with pytest.raises(OptionError, match="`prefix` must be the beginning of an allowed output"):
        rule.check(OPTIONS, prefix, ids)
