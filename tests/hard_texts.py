"""Texts that are hard to tokenize in the same way in every language, and normal forms."""

import random

from keras_attention.text.normalization import EDGES
from keras_attention.text.unicode_version import MAPPED_POINTS

NORMALIZERS = [
    {},
    {"strip": True},
    {"normalization": "nfd", "strip": True},
    {"normalization": "nfkc", "lowercase": True, "strip": True},
]


def make_texts():
    """Return texts with every edge, later code points, broken surrogates and random mixtures."""
    edges = [edge for point in EDGES for edge in (point, f"{point}a{point}", f"b {point}")]
    generator = random.Random(1)
    later = [chr(point) for point in (0x10570, 0x10781, 0x898, 0xC3C, 0x1E030, 0x105C9, 0x1E08F)]
    pool = [*EDGES, *later * 4, *"aÉﬁΣΟİ한\u0301\u0323\u200d", *map(chr, MAPPED_POINTS[::97])]
    words = ("".join(generator.choices(pool, k=8)) for _ in range(2000))
    joined = ["👩\u200d👧\ufe0f", "\u202ea b\u202c", "a\u2066b\u2069 ", "\u180ea\x1cb\x1f", "a\0b"]
    broken = ["a\ud800b", "\udc00", "\ufffe\U000e0061 \U0010ffff"]
    return ["", *joined, *broken, *edges, *later, *map(chr, MAPPED_POINTS[::7]), *words]
