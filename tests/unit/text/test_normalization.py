import random
import re
import sys
import unicodedata

import pytest

from keras_attention.errors import InputError
from keras_attention.text.normalization import (
    EDGES,
    FORMS,
    INVISIBLE,
    WHITE_SPACE,
    Normalizer,
    lower_points,
)
from keras_attention.text.unicode_version import MAPPED_POINTS

POINTS = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
MAPPED = {*map(chr, MAPPED_POINTS)}
LATER = {*POINTS} - MAPPED  # and characters that no version maps


def test_each_form_equals_the_form_of_unicodedata():
    text = "e\u0301 é ﬁ 한 \u1112\u1161\u11ab Å Σ"
    for form in FORMS:
        assert Normalizer(form)(text) == unicodedata.normalize(form.upper(), text)
    assert Normalizer() == Normalizer("nfc", lowercase=False)


def test_lower_case_does_not_depend_on_neighbouring_letters():
    assert all(lower_points(chr(point)) == chr(point).lower() for point in MAPPED_POINTS)
    generator = random.Random(1)
    pool = [*"ΣσςΑΒİIiJ\u030c\u0345. '", *POINTS[0x370:0x400]]
    for _ in range(3000):
        text = "".join(generator.choices(pool, k=8))
        assert lower_points(text) == "".join(point.lower() for point in text)


@pytest.mark.parametrize("form", FORMS)
def test_lower_cased_text_is_normalized(form):
    normalizer = Normalizer(form, lowercase=True)
    for text in [*MAPPED, *POINTS[::61], "J\u030c", "ΟΔΟΣ", "İSTANBUL", "𝐀ﬀﬁ ＣＡＦＥ\u0301"]:
        found = normalizer(text)
        assert text in LATER or unicodedata.is_normalized(form.upper(), found)
        assert normalizer(found) == found


def test_both_normalizations_around_lower_case_are_needed():
    assert Normalizer("nfc", lowercase=True)("J\u030c") == "\u01f0"
    assert Normalizer("nfkc", lowercase=True)("\U0001d400") == "a"


def test_the_edges_are_white_space_and_six_invisible_characters():
    # `\s` matches Unicode's White_Space and four ASCII separators.
    spaces = {point for point in POINTS if re.fullmatch(r"\s", point)} - {*"\x1c\x1d\x1e\x1f"}
    assert spaces == {*WHITE_SPACE}
    assert [unicodedata.category(point) for point in INVISIBLE] == ["Cf"] * 6
    for point in [*POINTS[:0x4000], *MAPPED, *POINTS[::61]]:
        assert Normalizer(strip=True)(point) == ("" if point in EDGES else Normalizer()(point))


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_ends_are_stripped_and_normalizing_again_changes_nothing(form, lowercase):
    plain, normalizer = Normalizer(form, lowercase), Normalizer(form, lowercase, strip=True)
    for point in [*MAPPED, *EDGES, *POINTS[::61]]:
        for text in (point, f" {point}", f"{point}\ufeff\t", f"a{point}", f"{point}\u0301"):
            found = normalizer(text)
            assert found == plain(text).strip(EDGES)
            assert normalizer(found) == found


def test_only_the_ends_are_stripped():
    text = "\u200b\u00a0 a \u200b b\u200d \ufeff\r\n"
    assert Normalizer(strip=True)(text) == "a \u200b b\u200d"
    assert Normalizer(strip=False)(text) == text


def test_a_prefix_keeps_the_space_at_its_end():
    assert Normalizer("nfkc", True, True).normalize_beginning(" \ufeffＡ ") == "a "
    assert Normalizer().normalize_beginning(" a ") == " a "


def test_an_unknown_form_is_rejected():
    with pytest.raises(InputError, match="one of 'nfc', 'nfd', 'nfkc'. Received: 'nfkd'"):
        Normalizer("nfkd")
