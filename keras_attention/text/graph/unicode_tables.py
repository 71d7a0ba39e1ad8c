"""Unicode's data as sorted arrays, for normalization in a TensorFlow graph.

The data are those of one version of Unicode, see `unicode_version`; a saved graph keeps them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_attention.text.normalization import lower_points, normalize
from keras_attention.text.unicode_version import MAPPED_POINTS

Ints: TypeAlias = npt.NDArray[np.integer[Any]]

CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)

# Hangul syllables are not in the tables: S = S_BASE + (L * 21 + V) * 28 + T.
S_BASE, L_BASE, V_BASE, T_BASE = 0xAC00, 0x1100, 0x1161, 0x11A7
L_COUNT, V_COUNT, T_COUNT, S_COUNT = 19, 21, 28, 19 * 21 * 28


class Expansions(NamedTuple):
    """What some code points become, one or more others each."""

    keys: Ints  # [N], sorted
    ends: Ints  # [N + 1]: the n-th becomes points[ends[n] : ends[n + 1]]
    points: Ints


class Compositions(NamedTuple):
    """Which code points join, and to what."""

    joining_keys: Ints  # code points that may move or join to what stands before them
    joining_classes: Ints  # their combining classes, 0 for starters
    pair_keys: Ints  # first * CODE_POINTS + second
    composites: Ints


@cache
def decompositions(form: str) -> Expansions:
    """Full decompositions for a form: compatible ones for "nfkc", canonical ones for the others."""
    apart = "nfkd" if form == "nfkc" else "nfd"
    full = ((point, normalize(chr(point), apart)) for point in _steps())
    return _expansions({point: text for point, text in full if text != chr(point)})


@cache
def lower_case() -> Expansions:
    """What `lower_points` does."""
    lower = ((point, lower_points(chr(point))) for point in MAPPED_POINTS)
    return _expansions({point: text for point, text in lower if text != chr(point)})


@cache
def compositions() -> Compositions:
    """Canonical compositions, which "nfc" and "nfkc" share."""
    pairs = {
        int(first, 16) * CODE_POINTS + int(second, 16): point
        for point, step in _steps().items()
        # The others never come out of NFC: singletons and composition exclusions.
        if not step.startswith("<") and normalize(chr(point), "nfc") == chr(point)
        for first, second in [step.split()]
    }
    joining = {*_marks(), *(key % CODE_POINTS for key in pairs)}
    joining.update(range(V_BASE, V_BASE + V_COUNT), range(T_BASE + 1, T_BASE + T_COUNT))
    classes = [unicodedata.combining(chr(point)) for point in sorted(joining)]
    return Compositions(
        joining_keys=np.array(sorted(joining), np.int32),
        joining_classes=np.array(classes, np.int32),
        pair_keys=np.array(sorted(pairs), np.int64),
        composites=np.array([pairs[key] for key in sorted(pairs)], np.int32),
    )


@cache
def inert(form: str) -> str:
    """A regular expression of texts that a form leaves as they are."""
    changed = [point for point in _steps() if normalize(chr(point), form) != chr(point)]
    if form == "nfd":
        return f"{none_of({*changed, *_marks(), *range(S_BASE, S_BASE + S_COUNT)})}*"
    return f"{none_of({*changed, *map(int, compositions().joining_keys)})}*"


@cache
def inert_to_lower_case() -> str:
    """A regular expression of texts that hold nothing to lower-case."""
    return f"{none_of(map(int, lower_case().keys))}*"


def none_of(points: Iterable[int]) -> str:
    """A regular expression of one code point of a text, no surrogate therefore, but these."""
    numbered = enumerate(sorted({*points, *_SURROGATES}))
    runs = [[point for _, point in run] for _, run in groupby(numbered, lambda at: at[1] - at[0])]
    return "[^" + "".join(rf"\x{{{run[0]:X}}}-\x{{{run[-1]:X}}}" for run in runs) + "]"


@cache
def _steps() -> dict[int, str]:
    """Unicode's own decompositions, Hangul apart: one step each, compatible ones with a tag."""
    found = ((point, unicodedata.decomposition(chr(point))) for point in MAPPED_POINTS)
    return {point: step for point, step in found if step}


@cache
def _marks() -> frozenset[int]:
    return frozenset(point for point in MAPPED_POINTS if unicodedata.combining(chr(point)))


def _expansions(texts: Mapping[int, str]) -> Expansions:
    return Expansions(
        keys=np.array(list(texts), np.int32),
        ends=np.cumsum([0, *map(len, texts.values())], dtype=np.int32),
        points=np.array([ord(point) for text in texts.values() for point in text], np.int32),
    )
