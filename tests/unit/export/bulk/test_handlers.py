import pytest

pytest.importorskip("apache_beam")
from keras_attention.errors import InputError, TextError
from keras_attention.export.bulk.handlers import answer_sorted
from keras_attention.translation.result import Translation


def test_texts_are_sorted_by_length_and_answers_are_in_order():
    seen = []

    def translate(texts):
        for position, text in enumerate(texts):
            seen.append(text)
            if len(text) > 3:
                raise TextError("expected at most 3 letters.", position)
            yield Translation(text, (), ())

    unreadable = InputError("a.txt, line 2: not UTF-8.")
    lines = ["ccc", unreadable, "dddd", "a", "bb"]
    found = answer_sorted(translate, lines)
    assert [getattr(each, "source", type(each)) for each in found] == [
        *("ccc", InputError, TextError, "a", "bb")
    ]
    assert seen == ["a", "bb", "ccc", "dddd"]
