"""Tests of `visible`, which returns a text in which every character is visible."""

import unicodedata

import pytest

from keras_attention.visualization.notebook.visible_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u1100", "ㄱ"),  # an initial consonant
        ("\u1167", "ㅕ"),  # a vowel
        ("\u11bc", "ㅇ"),  # a final consonant
        ("\u1100\u1167\u11bc", "경"),  # a whole syllable
        ("\u11bc\u110e\u1161", "ㅇ차"),  # the end of a syllable and the beginning of the next
        ("\u1113", "\u1113"),  # an old consonant that has no compatibility letter
        ("\u1160", "\\u1160"),  # this character has no visible form
        ("\u0301", "◌\u0301"),
        ("a b", "a␣b"),
    ],
)
def test_parts_of_syllables_marks_and_spaces_are_visible(text, shown):
    assert visible(text) == shown


def test_every_modern_syllable_is_shown_whole_and_its_parts_as_single_letters():
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
    parts = [unicodedata.normalize("NFD", syllable) for syllable in syllables]
    assert list(map(visible, parts)) == syllables
    letters = set(map(visible, "".join(parts)))
    assert {unicodedata.name(letter)[:13] for letter in letters} == {"HANGUL LETTER"}
