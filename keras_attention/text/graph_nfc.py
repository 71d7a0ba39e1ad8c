"""Unicode's normal form C in a TensorFlow graph, from core operations alone.

Functions carry the names of the algorithm's steps: https://www.unicode.org/reports/tr15/ and, for
Hangul, section 3.12 of the Unicode Standard. All lines of a batch are worked on as one flat list of
code points. The tables are those of the running Python, so that both normalize alike; a saved graph
keeps the tables it was built with.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Tensor: TypeAlias = Any
Ints: TypeAlias = npt.NDArray[np.integer[Any]]

_REMOVED = -1
_MAX_DECOMPOSITION = 4
_CODE_POINTS = 0x110000

# Hangul syllables are not in the tables: S = S_BASE + (L * 21 + V) * 28 + T.
_S_BASE, _L_BASE, _V_BASE, _T_BASE = 0xAC00, 0x1100, 0x1161, 0x11A7
_L_COUNT, _V_COUNT, _T_COUNT = 19, 21, 28
_S_COUNT = _L_COUNT * _V_COUNT * _T_COUNT


class Tables(NamedTuple):
    """Unicode's data, each table with its sorted keys."""

    combining_keys: Ints
    combining_classes: Ints
    decomposition_keys: Ints
    decompositions: Ints  # [N, 4]: canonical, full, padded with _REMOVED
    pair_keys: Ints  # first * _CODE_POINTS + second
    composites: Ints
    may_compose: Ints  # code points that can be the second of a pair
    inert: str  # regular expression of text that normalization leaves as it is


def normalize_nfc(texts: Tensor) -> Tensor:
    """Returns texts in Unicode's normal form C, equal to `unicodedata.normalize("NFC", text)`.

    Lines of which every code point stays what it is beside any other (`NFC_Quick_Check=Yes` and
    combining class 0), as in English, Chinese or composed Korean, are passed on as they are.

    Args:
        texts: UTF-8 strings [B]. Invalid bytes become U+FFFD, as Python's `errors="replace"` does.

    Returns:
        Strings [B].

    Example:
        >>> normalize_nfc(tf.constant(["e\u0301"])).numpy()[0].decode()
        'é'
    """
    texts = tf.convert_to_tensor(texts, tf.string)
    inert = tf.strings.regex_full_match(texts, _tables().inert)

    def normalize_others() -> Tensor:
        others = tf.where(tf.logical_not(inert))
        return tf.tensor_scatter_nd_update(texts, others, _normalize(tf.gather_nd(texts, others)))

    return tf.cond(tf.reduce_all(inert), lambda: texts, normalize_others)


def _normalize(texts: Tensor) -> Tensor:
    decoded = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    codes, rows = _decompose(decoded.flat_values, decoded.value_rowids())
    codes, classes = _order_canonically(codes, rows)
    codes, rows = _keep(_compose(codes, classes, rows), rows)
    composed = tf.RaggedTensor.from_value_rowids(codes, rows, nrows=decoded.nrows(), validate=False)
    return tf.strings.unicode_encode(composed, "UTF-8")


def _decompose(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Replaces each code point by its full canonical decomposition; lengths change."""
    table = _tables()
    found, index = _search(table.decomposition_keys, codes)
    itself = tf.pad(codes[:, None], [[0, 0], [0, _MAX_DECOMPOSITION - 1]], constant_values=_REMOVED)
    decomposed = tf.where(found[:, None], tf.gather(table.decompositions, index), itself)
    hangul = _is_within(codes, _S_BASE, _S_COUNT)[:, None]
    decomposed = tf.where(hangul, _decompose_hangul(codes), decomposed)
    return _keep(tf.reshape(decomposed, [-1]), tf.repeat(rows, _MAX_DECOMPOSITION))


def _decompose_hangul(syllables: Tensor) -> Tensor:
    """Returns L, V and T (or nothing) of each syllable, [N, 4]; nonsense for other code points."""
    index = syllables - _S_BASE
    leading = _L_BASE + index // (_V_COUNT * _T_COUNT)
    vowel = _V_BASE + index // _T_COUNT % _V_COUNT
    trailing = tf.where(index % _T_COUNT == 0, _REMOVED, _T_BASE + index % _T_COUNT)
    return tf.stack([leading, vowel, trailing, tf.fill(tf.shape(index), _REMOVED)], axis=1)


def _order_canonically(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sorts each run of non-starters by combining class, stable; returns the classes too."""
    table = _tables()
    found, index = _search(table.combining_keys, codes)
    classes = tf.where(found, tf.gather(table.combining_classes, index), 0)
    runs = tf.cumsum(tf.cast(_starts_line(rows) | (classes == 0), tf.int64))
    size = tf.size(codes, tf.int64)
    # The position makes keys unique, so that the order does not hang on how the sort is done.
    keys = (runs * 256 + tf.cast(classes, tf.int64)) * size + tf.range(size)
    order = tf.sort(keys) % tf.maximum(size, 1)
    return tf.gather(codes, order), tf.gather(classes, order)


def _compose(codes: Tensor, classes: Tensor, rows: Tensor) -> Tensor:
    """Joins starters with what follows them where Unicode has a composite; marks what is removed.

    No composite reaches over a starter that cannot be the second of a pair, so lines are cut before
    each of these and the pieces are walked side by side: as many rounds as the longest has marks.
    """
    can_follow, _ = _search(_tables().may_compose, codes)
    cuts = _starts_line(rows) | ((classes == 0) & ~can_follow)
    begins = tf.cast(tf.where(cuts)[:, 0], tf.int32)
    ends = tf.concat([begins[1:], [tf.size(codes)]], axis=0)[: tf.size(begins)]

    def step(
        codes: Tensor, starters: Tensor, last_classes: Tensor, positions: Tensor, ends: Tensor
    ) -> tuple[Tensor, ...]:
        remain = positions < ends
        starters, last_classes, positions, ends = (
            tf.boolean_mask(state, remain) for state in (starters, last_classes, positions, ends)
        )
        own_classes = tf.gather(classes, positions)
        composites = _find_composites(tf.gather(codes, starters), tf.gather(codes, positions))
        blocked = (last_classes != 0) & (last_classes >= own_classes)
        joined = (composites != _REMOVED) & ~blocked
        codes = tf.tensor_scatter_nd_update(
            codes,
            tf.concat([starters[joined], positions[joined]], axis=0)[:, None],
            tf.concat([composites[joined], tf.fill(tf.shape(positions[joined]), _REMOVED)], axis=0),
        )
        starters = tf.where(~joined & (own_classes == 0), positions, starters)
        last_classes = tf.where(joined, last_classes, own_classes)
        return codes, starters, last_classes, positions + 1, ends

    return tf.while_loop(
        lambda codes, starters, last_classes, positions, ends: tf.reduce_any(positions < ends),
        step,
        (codes, begins, tf.zeros_like(begins), begins + 1, ends),
        shape_invariants=(tf.TensorShape([None]),) * 5,
    )[0]


def _find_composites(first: Tensor, second: Tensor) -> Tensor:
    """Returns the primary composite of each pair, or _REMOVED where there is none."""
    table = _tables()
    keys = tf.cast(first, tf.int64) * _CODE_POINTS + tf.cast(second, tf.int64)
    found, index = _search(table.pair_keys, keys)
    composites = tf.where(found, tf.gather(table.composites, index), _REMOVED)
    leading, vowel, trailing = first - _L_BASE, second - _V_BASE, second - _T_BASE
    is_lv = _is_within(first, _L_BASE, _L_COUNT) & _is_within(second, _V_BASE, _V_COUNT)
    composites = tf.where(is_lv, _S_BASE + (leading * _V_COUNT + vowel) * _T_COUNT, composites)
    is_lvt = _is_within(first, _S_BASE, _S_COUNT) & ((first - _S_BASE) % _T_COUNT == 0)
    is_lvt &= _is_within(second, _T_BASE + 1, _T_COUNT - 1)
    return tf.where(is_lvt, first + trailing, composites)


def _search(keys: Ints, queries: Tensor) -> tuple[Tensor, Tensor]:
    """Returns which queries are among the sorted keys, and where (any place for the others)."""
    index = tf.minimum(tf.searchsorted(keys, queries), len(keys) - 1)
    return tf.gather(keys, index) == queries, index


def _keep(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    kept = codes != _REMOVED
    return tf.boolean_mask(codes, kept), tf.boolean_mask(rows, kept)


def _starts_line(rows: Tensor) -> Tensor:
    return tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], axis=0)


def _is_within(codes: Tensor, base: int, count: int) -> Tensor:
    return (codes >= base) & (codes < base + count)


@cache
def _tables() -> Tables:
    """Collects Unicode's tables from `unicodedata`, which answers for one code point at a time."""
    classes = {point: unicodedata.combining(chr(point)) for point in range(_CODE_POINTS)}
    classes = {point: value for point, value in classes.items() if value}
    steps = {point: unicodedata.decomposition(chr(point)).split() for point in range(_CODE_POINTS)}
    # A tag in angle brackets stands before a compatibility decomposition, which is not for NFC.
    steps = {point: step for point, step in steps.items() if step and not step[0].startswith("<")}
    full = [[ord(part) for part in unicodedata.normalize("NFD", chr(point))] for point in steps]
    unstable = {point for point in steps if unicodedata.normalize("NFC", chr(point)) != chr(point)}
    pairs = {
        int(step[0], 16) * _CODE_POINTS + int(step[1], 16): point
        for point, step in steps.items()
        if point not in unstable  # composition exclusions, and singletons, which have no second
    }
    may_compose = {key % _CODE_POINTS for key in pairs}
    may_compose.update(range(_V_BASE, _V_BASE + _V_COUNT), range(_T_BASE + 1, _T_BASE + _T_COUNT))
    return Tables(
        combining_keys=np.array(sorted(classes), np.int32),
        combining_classes=np.array([classes[point] for point in sorted(classes)], np.int32),
        decomposition_keys=np.array(list(steps), np.int32),
        decompositions=np.array(
            [parts + [_REMOVED] * (_MAX_DECOMPOSITION - len(parts)) for parts in full], np.int32
        ),
        pair_keys=np.array(sorted(pairs), np.int64),
        composites=np.array([pairs[key] for key in sorted(pairs)], np.int32),
        may_compose=np.array(sorted(may_compose), np.int32),
        # Surrogates are no text: the full path replaces them.
        inert=_text_without({*classes, *may_compose, *unstable, *range(0xD800, 0xE000)}),
    )


def _text_without(points: set[int]) -> str:
    """Returns a regular expression of any text that has none of the code points."""
    first = [point for point in sorted(points) if point - 1 not in points]
    last = [point for point in sorted(points) if point + 1 not in points]
    ranges = (rf"\x{{{low:X}}}-\x{{{high:X}}}" for low, high in zip(first, last, strict=True))
    return f"[^{''.join(ranges)}]*"
