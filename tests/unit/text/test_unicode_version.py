"""Texts are normalized with the data of one Unicode version, in every Python version."""

import hashlib
import random
import sys
import unicodedata

from keras_attention.text.normalization import FORMS, lower_points, normalize
from keras_attention.text.unicode_version import MAPPED_POINTS, UNICODE

# Characters that came with Unicode 14, 15 and 16: cased letters, compatible forms and marks.
LATER = [*range(0x10570, 0x105BD), *range(0x10781, 0x107BB), *range(0x898, 0x8A0), 0xC3C, 0x1DFA]
LATER += [*range(0x1E030, 0x1E06E), 0x1E08F, 0x10EFD, 0x11F42, 0x105C9, 0x10D50, 0xA7CB, 0x2C2F]
SAMPLE = {*MAPPED_POINTS, *LATER, *range(0, sys.maxunicode, 61)}
POINTS = [chr(point) for point in sorted(SAMPLE) if not 0xD800 <= point < 0xE000]


def all_forms(texts):
    for text in texts:
        yield from (normalize(text, form) for form in FORMS)
        yield lower_points(text)


def sequences(count):
    generator, pool = random.Random(1), [*MAPPED_POINTS, *LATER * 20]
    for _ in range(count):
        yield "".join(map(chr, generator.choices(pool, k=6)))


def test_every_python_normalizes_as_python_3_10():
    digest = hashlib.sha256()
    decomposed = (unicodedata.ucd_3_2_0.normalize("NFD", point) for point in POINTS)
    for text in all_forms([*POINTS, *decomposed, *sequences(20_000)]):
        digest.update(text.encode() + b"\n")
    # Computed with `unicodedata` and `str.lower` by a Python that has Unicode 13.0.0.
    assert UNICODE == "13.0.0"
    assert digest.hexdigest() == "65f16a35564bb566a84d02d6fc3f22fb054f655c62c314d23c0b61f3bcd73da8"


def test_characters_of_later_versions_never_change():
    for point in map(chr, LATER):
        for form in FORMS:
            assert normalize(f"e{point}\u0301", form) == f"e{point}\u0301"
        assert lower_points(f"A{point}B") == f"a{point}b"


def test_characters_of_the_oldest_unicode_version_normalize_as_in_python():
    for point in POINTS:
        if unicodedata.ucd_3_2_0.category(point) != "Cn":
            for form in FORMS:
                assert normalize(point, form) == unicodedata.normalize(form.upper(), point)
            assert lower_points(point) == point.lower()


def test_the_code_points_are_sorted():
    assert list(MAPPED_POINTS) == sorted(set(MAPPED_POINTS))
