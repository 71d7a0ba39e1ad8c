import pytest

from keras_attention.errors import InputError, TextError
from keras_attention.text.usable_texts import answer_each


def in_capitals(texts):
    for position, text in enumerate(texts):
        if len(text) > 3:
            raise TextError("expected at most 3 letters.", position)
        yield text.upper()


def test_every_line_gets_its_own_answer():
    unreadable = InputError("line 2: not UTF-8.")
    lines = ["a", unreadable, "bcde", "fghi", "j", unreadable]
    found = list(answer_each(in_capitals, lines))
    assert [each if isinstance(each, str) else type(each) for each in found] == [
        "A",
        InputError,
        TextError,
        TextError,
        "J",
        InputError,
    ]
    assert list(answer_each(in_capitals, [])) == []


def test_a_translator_must_return_one_translation_per_line():
    for answers in (1, 3):
        with pytest.raises(ValueError, match="zip"):
            list(answer_each(lambda texts, n=answers: [*in_capitals("aaa")][:n], ["a", "b"]))
