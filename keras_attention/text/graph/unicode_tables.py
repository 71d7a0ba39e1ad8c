"""Unicode data as sorted arrays, for normalization in a TensorFlow graph.

The data are of one version of Unicode (see `unicode_version`), and a saved graph contains them.
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
    """A table from code points to the one or more code points that replace each of them."""

    keys: Ints  # [N], sorted
    ends: Ints  # [N + 1]: points[ends[n] : ends[n + 1]] replace the n-th key
    points: Ints


class Compositions(NamedTuple):
    """The pairs of code points that compose, and their composites."""

    joining_keys: Ints  # code points that may be reordered, or compose with the one before them
    joining_classes: Ints  # their combining classes, 0 for starters
    pair_keys: Ints  # first * CODE_POINTS + second
    composites: Ints


@cache
def decompositions(form: str) -> Expansions:
    """Return full decompositions: compatibility ones for "nfkc", canonical ones for other forms."""
    decomposed = "nfkd" if form == "nfkc" else "nfd"
    full = ((point, normalize(chr(point), decomposed)) for point in _steps())
    return _expansions({point: text for point, text in full if text != chr(point)})


@cache
def lower_case() -> Expansions:
    """Return the lower case of code points, as `lower_points` defines it."""
    lower = ((point, lower_points(chr(point))) for point in MAPPED_POINTS)
    return _expansions({point: text for point, text in lower if text != chr(point)})


@cache
def compositions() -> Compositions:
    """Return the canonical compositions, which "nfc" and "nfkc" share."""
    pairs = {
        int(first, 16) * CODE_POINTS + int(second, 16): point
        for point, step in _steps().items()
        # Leave out singletons and composition exclusions, which NFC never produces.
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
    """Return a regular expression for texts that a normal form never changes."""
    changed = [point for point in _steps() if normalize(chr(point), form) != chr(point)]
    if form == "nfd":
        return f"{none_of({*changed, *_marks(), *range(S_BASE, S_BASE + S_COUNT)})}*"
    return f"{none_of({*changed, *map(int, compositions().joining_keys)})}*"


@cache
def inert_to_lower_case() -> str:
    """Return a regular expression for texts without characters to lower-case."""
    return f"{none_of(map(int, lower_case().keys))}*"


def none_of(points: Iterable[int]) -> str:
    """Return a regular expression for one code point other than these and the surrogates."""
    numbered = enumerate(sorted({*points, *_SURROGATES}))
    runs = [[point for _, point in run] for _, run in groupby(numbered, lambda at: at[1] - at[0])]
    return "[^" + "".join(rf"\x{{{run[0]:X}}}-\x{{{run[-1]:X}}}" for run in runs) + "]"


@cache
def _steps() -> dict[int, str]:
    """Return Unicode's one-step decompositions without Hangul; compatibility ones have a tag."""
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
