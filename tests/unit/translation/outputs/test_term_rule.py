import re
import unicodedata

import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.errors import OptionError, TextError
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.text.source_features import SourceFeatures
from keras_attention.translation.outputs.term_rule import TermRule, term_entries

LETTERS = CharacterTokenizer(Vocabulary("abc é-"), lowercase=True)
WORDS = WordTokenizer(Vocabulary(["two", "words"]))


def rule(terms, source=LETTERS, target=LETTERS):
    return TermRule(source, target, term_entries(terms))


def texts(found, target=LETTERS):
    """Return the forms of terms as texts."""
    return [[target.decode(form.ids) for form in term] for term in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a", ["b"]),
        ("ab", []),
        ("c-a b", ["b"]),
        ("a c", ["c"]),  # the longest term counts
        ("a  c a", ["c", "b"]),
        ("A", ["b"]),  # the tokenizer lower-cases
        ("b", []),
        ("bc", ["a"]),  # "b*"
        ("abc", []),
        ("", []),
        ("bac", ["a"]),
        ("ba\u0301", []),  # an accented letter is a different letter
        ("e\u0301", ["-"]),
    ],
)
def test_a_term_applies_where_its_source_term_is_a_word(source, expected):
    glossary = {"a": "b", "a c": "c", "bc*": "a", "ba*": "a", "e\u0301": "-"}
    assert texts(rule(glossary).of(source)) == [[each] for each in expected]


def test_source_features_are_not_searched_for_terms():
    source = WordTokenizer(Vocabulary(["fre"]), features=SourceFeatures({"language": ["fre"]}))
    terms = rule({"fre": "two"}, source, WORDS)
    assert terms.of("<language=fre> x") == () != terms.of("<language=fre> fre")


def test_terms_in_a_list_apply_to_every_source():
    terms = rule(["a", ["b", "c*"]])
    assert texts(terms.of("anything")) == [["a"], ["b", "c"]]
    assert [form.open_end for form in terms.of("")[1]] == [False, True]


def test_terms_are_matched_in_the_normal_form_of_the_source():
    decomposed = CharacterTokenizer(Vocabulary("e\u0301"), normalization="nfd")
    assert rule({"é": "a"}, decomposed).of(unicodedata.normalize("NFD", "é"))


def test_terms_are_cut_by_the_target_tokenizer():
    pieces = SubwordTokenizer(learn_subwords(["low lower", "new newer"], 14))
    (term,) = rule(["newer low"], target=pieces).of("")
    assert term[0].ids == tuple(pieces.encode("newer low")[:-1])


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"a": "x"}, "term 1: .* 'x' with the unknown token 'x'"),
        ({"a": "b", "b": ""}, "term 2: expected a target term. Received: ''."),
        ({"a": "b", "c": "*"}, "term 2: expected a target term. Received: '\\*'."),
        ({"a": []}, "term 1: expected a target term. Received: none."),
        ({" ": "a"}, "term 1: expected a source term. Received: ' '."),
        ({"a": "b", "A*": "c"}, "term 2: expected each source term once. Received: 'A\\*' again."),
        ({"a": 3}, "term 1: expected a string. Received: 3"),
        ({"a": "b", None: "b"}, "term 2: expected a string. Received: None"),
        ({"a": [["b"]]}, r"term 1: expected a string. Received: \['b'\]"),
        (["a", "\ud800"], "term 2: expected valid Unicode"),
    ],
)
def test_a_term_that_cannot_be_used_is_refused(terms, message):
    with pytest.raises(TextError, match=message):
        rule(terms)


@pytest.mark.parametrize("terms", ["a", 3, [], {}])
def test_terms_of_another_kind_are_refused(terms):
    with pytest.raises(OptionError, match="`terms` must "):
        term_entries(terms)


def test_sources_are_used_up_to_the_first_whose_terms_do_not_fit():
    found, error = rule({"a": "b", "c": "a b c"}).find_until_refused(["a", "c", "b"], 5)
    assert texts(found[0]) == [["b"]] and len(found) == 1
    assert re.search("text 2: .* output of 5 tokens .* at least 6", str(error))
    found, error = rule({"a": "b"}).find_until_refused(["a"], 3, LETTERS.encode("ac")[:-1])
    assert not found and "at least 5" in str(error)  # "ac b</s>"


def test_too_many_terms_for_one_output_are_refused():
    many = rule(["a", "b", "c", "é", "a b", "a c", "a é", "b a", "b b"])
    assert "expected at most 8 terms. Received: 9." in str(many.find_until_refused(["a"], 99)[1])


def test_sources_without_terms_are_in_batches_of_their_own():
    terms = rule({"a": "b"})
    needed = [terms.of(text) for text in ["a", "b", "c", "a"]]
    batches = terms.batches([3, 2, 1, 0], needed, lambda places: [list(places)] if places else [])
    assert list(batches) == [[2, 1], [3, 0]]
    assert terms.tables([(), ()], 4) == {}


def test_a_batch_is_split_if_its_automaton_would_be_too_large(monkeypatch):
    monkeypatch.setattr("keras_attention.translation.outputs.term_rule._EDGES_TOGETHER", 100)
    terms = rule({"a": "a", "b": "b", "c": "c", "é": "é"})
    needed = [terms.of(text) for text in ["a b c é", "a", "b", "c"]]
    batches = list(terms.batches([0, 1, 2, 3], needed, lambda places: [list(places)]))
    assert batches[0] == [] and [0] in batches and len(batches) == 4


def test_a_batch_is_split_if_a_wide_beam_would_read_too_many_edges_in_a_step():
    terms = rule({"a": "a", "b": "b"})
    needed = [terms.of(text) for text in "abab"]

    def batches(width):
        places = range(len(needed))
        return len([*terms.batches(places, needed, lambda each: [list(each)], beam_width=width)])

    assert batches(100) == 2  # one of them has the sources without terms
    assert batches(2000) > 2
