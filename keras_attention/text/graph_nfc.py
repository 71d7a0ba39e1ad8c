"""Unicode's normal form C in a TensorFlow graph, from core operations alone.

Functions carry the names of the algorithm's steps: https://www.unicode.org/reports/tr15/ and, for
Hangul, section 3.12 of the Unicode Standard. A batch is worked on as one flat list of code points.
The tables are those of the running Python; a saved graph keeps the tables it was built with.
"""

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
_L_COUNT, _V_COUNT, _T_COUNT, _S_COUNT = 19, 21, 28, 19 * 21 * 28


class Tables(NamedTuple):
    """Unicode's data, each table with its sorted keys."""

    joining_keys: Ints  # code points that may move or join to what stands before them
    joining_classes: Ints  # their combining classes, 0 for starters
    decomposition_keys: Ints
    decompositions: Ints  # [N, 4]: canonical, full, padded with _REMOVED
    pair_keys: Ints  # first * _CODE_POINTS + second
    composites: Ints
    inert: str  # regular expression of text that normalization leaves as it is


def normalize_nfc(texts: Tensor) -> Tensor:
    r"""Returns texts in Unicode's normal form C, equal to `unicodedata.normalize("NFC", text)`.

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
    itself = tf.pad(codes[:, None], [[0, 0], [0, _MAX_DECOMPOSITION - 1]], constant_values=_REMOVED)
    found, mapped = _look_up(codes, _tables().decomposition_keys, _tables().decompositions)
    decomposed = tf.where(found[:, None], mapped, itself)
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
    found, classes = _look_up(codes, _tables().joining_keys, _tables().joining_classes)
    classes = tf.where(found, classes, 0)
    runs = tf.cumsum(tf.cast(_starts_line(rows) | (classes == 0), tf.int64))
    size = tf.size(codes, tf.int64)
    # The position makes keys unique, so that the order does not hang on how the sort is done.
    keys = (runs * 256 + tf.cast(classes, tf.int64)) * size + tf.range(size)
    order = tf.sort(keys) % size
    return tf.gather(codes, order), tf.gather(classes, order)


def _compose(codes: Tensor, classes: Tensor, rows: Tensor) -> Tensor:
    """Joins starters with what follows them where Unicode has a composite; marks what is removed.

    Nothing joins across a code point that never joins to what stands before it, so lines are cut
    before each of these and the pieces are walked side by side, in rounds of one position each.
    """
    joining, _ = _look_up(codes, _tables().joining_keys, _tables().joining_classes)
    begins = tf.where(_starts_line(rows) | ~joining)[:, 0]
    ends = tf.concat([begins[1:], [tf.size(codes, tf.int64)]], axis=0)

    def step(codes: Tensor, *walk: Tensor) -> tuple[Tensor, ...]:
        remain = walk[2] < walk[3]
        starters, last_classes, positions, ends = (tf.boolean_mask(state, remain) for state in walk)
        own_classes = tf.gather(classes, positions)
        composites = _find_composites(tf.gather(codes, starters), tf.gather(codes, positions))
        blocked = (last_classes != 0) & (last_classes >= own_classes)
        joined = (composites != _REMOVED) & ~blocked
        removed = tf.fill(tf.shape(composites), _REMOVED)
        codes = tf.tensor_scatter_nd_update(codes, starters[joined][:, None], composites[joined])
        codes = tf.tensor_scatter_nd_update(codes, positions[joined][:, None], removed[joined])
        starters = tf.where(~joined & (own_classes == 0), positions, starters)
        last_classes = tf.where(joined, last_classes, own_classes)
        return codes, starters, last_classes, positions + 1, ends

    return tf.while_loop(
        lambda codes, *walk: tf.reduce_any(walk[2] < walk[3]),
        step,
        (codes, begins, tf.zeros_like(begins, tf.int32), begins + 1, ends),
        shape_invariants=(tf.TensorShape([None]),) * 5,
    )[0]


def _find_composites(first: Tensor, second: Tensor) -> Tensor:
    """Returns the primary composite of each pair, or _REMOVED where there is none."""
    keys = tf.cast(first, tf.int64) * _CODE_POINTS + tf.cast(second, tf.int64)
    found, composites = _look_up(keys, _tables().pair_keys, _tables().composites)
    composites = tf.where(found, composites, _REMOVED)
    leading, vowel, trailing = first - _L_BASE, second - _V_BASE, second - _T_BASE
    is_lv = _is_within(first, _L_BASE, _L_COUNT) & _is_within(second, _V_BASE, _V_COUNT)
    composites = tf.where(is_lv, _S_BASE + (leading * _V_COUNT + vowel) * _T_COUNT, composites)
    is_lvt = _is_within(first, _S_BASE, _S_COUNT) & ((first - _S_BASE) % _T_COUNT == 0)
    is_lvt &= _is_within(second, _T_BASE + 1, _T_COUNT - 1)
    return tf.where(is_lvt, first + trailing, composites)


def _look_up(queries: Tensor, keys: Ints, values: Ints) -> tuple[Tensor, Tensor]:
    """Returns which queries are among the sorted keys, and their values (any for the others)."""
    index = tf.minimum(tf.searchsorted(keys, queries), len(keys) - 1)
    return tf.gather(keys, index) == queries, tf.gather(values, index)


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
    points = [chr(point) for point in range(_CODE_POINTS)]
    steps = {ord(point): found for point in points if (found := unicodedata.decomposition(point))}
    # A tag in angle brackets stands before a compatibility decomposition, which is not for NFC.
    steps = {point: found for point, found in steps.items() if not found.startswith("<")}
    full = [[ord(part) for part in unicodedata.normalize("NFD", chr(point))] for point in steps]
    full = [parts + [_REMOVED] * (_MAX_DECOMPOSITION - len(parts)) for parts in full]
    # These never come out of NFC: singletons and composition exclusions.
    unstable = {point for point in steps if unicodedata.normalize("NFC", chr(point)) != chr(point)}
    pairs = {
        int(first, 16) * _CODE_POINTS + int(second, 16): point
        for point in steps.keys() - unstable
        for first, second in [steps[point].split()]
    }
    joining = {ord(point) for point in points if unicodedata.combining(point)}
    joining.update(key % _CODE_POINTS for key in pairs)
    joining.update(range(_V_BASE, _V_BASE + _V_COUNT), range(_T_BASE + 1, _T_BASE + _T_COUNT))
    classes = [unicodedata.combining(chr(point)) for point in sorted(joining)]
    return Tables(
        joining_keys=np.array(sorted(joining), np.int32),
        joining_classes=np.array(classes, np.int32),
        decomposition_keys=np.array(list(steps), np.int32),
        decompositions=np.array(full, np.int32),
        pair_keys=np.array(sorted(pairs), np.int64),
        composites=np.array([pairs[key] for key in sorted(pairs)], np.int32),
        # Surrogates are no text: the full path replaces them.
        inert=rf"[^\x{{D800}}-\x{{DFFF}}{''.join(map(chr, sorted(joining | unstable)))}]*",
    )
