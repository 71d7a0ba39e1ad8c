import random
import sys
import unicodedata

import pytest

from keras_attention.errors import InputError
from keras_attention.text.normalization import FORMS, Normalizer, lower_points

POINTS = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]


def test_each_form_is_unicodedata_s():
    text = "e\u0301 é ﬁ 한 \u1112\u1161\u11ab Å Σ"
    for form in FORMS:
        assert Normalizer(form)(text) == unicodedata.normalize(form.upper(), text)
    assert Normalizer() == Normalizer("nfc", lowercase=False)


def test_lower_case_is_that_of_each_code_point_wherever_it_stands():
    assert all(lower_points(point) == point.lower() for point in POINTS)
    generator = random.Random(1)
    pool = [*"ΣσςΑΒİIiJ\u030c\u0345. '", *POINTS[0x370:0x400]]
    for _ in range(3000):
        text = "".join(generator.choices(pool, k=8))
        assert lower_points(text) == "".join(point.lower() for point in text)


@pytest.mark.parametrize("form", FORMS)
def test_lower_cased_text_is_normal_and_stays_as_it_is(form):
    normalizer = Normalizer(form, lowercase=True)
    for text in [*POINTS, "J\u030c", "ΟΔΟΣ", "İSTANBUL", "𝐀ﬀﬁ ＣＡＦＥ\u0301"]:
        found = normalizer(text)
        assert unicodedata.is_normalized(form.upper(), found)
        assert normalizer(found) == found


def test_both_normalizations_around_lower_case_are_needed():
    assert Normalizer("nfc", lowercase=True)("J\u030c") == "\u01f0"
    assert Normalizer("nfkc", lowercase=True)("\U0001d400") == "a"


def test_an_unknown_form_is_refused():
    with pytest.raises(InputError, match="one of 'nfc', 'nfd', 'nfkc'. Received: 'nfkd'"):
        Normalizer("nfkd")
