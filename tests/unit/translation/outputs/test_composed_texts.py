"""`ComposedTexts` accepts the texts that are in normal form C according to `unicodedata`."""

import itertools
import re
import unicodedata

import pytest

from keras_attention.translation.outputs.composed_texts import ComposedTexts

ACUTE, BELOW, CEDILLA = "\u0301", "\u0323", "\u0327"
ALPHABETS = {
    "letters and marks": "ebx" + ACUTE + BELOW,
    "marks in an order": "c" + CEDILLA + ACUTE,
    "marks that keep apart": "e\u0305" + ACUTE + BELOW,
    "composed": "e" + ACUTE + "éẹ" + BELOW,
    "Hangul": "\u1112\u1161\u11ab하한a",
    "signs of Bengali": "\u0995\u09c7\u09be\u09cd",
    "characters that are never in the form": "\u212ba\u0340",
}


def accepts(texts, text):
    state = texts.start
    for character in text:
        state = texts.after(state, character)
        if state is None:
            return False
    return texts.accepts(state)


@pytest.mark.parametrize("name", ALPHABETS)
@pytest.mark.parametrize("expression", [".*", "..?.?"])
def test_exactly_the_matching_texts_in_normal_form_c_are_accepted(name, expression):
    characters = ALPHABETS[name]
    texts = ComposedTexts(expression, characters)
    for size in range(5):
        for each in itertools.product(characters, repeat=size):
            text = "".join(each)
            unchanged = unicodedata.normalize("NFC", text) == text
            expected = unchanged and re.fullmatch(expression, text) is not None
            assert accepts(texts, text) == expected, ascii(text)


def test_only_characters_that_compose_have_their_own_class():
    kinds = ComposedTexts(r"\w*", "abc" + ACUTE).kinds
    assert kinds["b"] != kinds["a"] != kinds["c"]
    assert ComposedTexts(r"\w*", "abc").kinds["a"] == ComposedTexts(r"\w*", "abc").kinds["b"]
