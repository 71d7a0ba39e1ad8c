"""Normal forms, lower case and stripping in a TensorFlow graph, with core operations only.

The functions are named after the steps of the algorithm in https://www.unicode.org/reports/tr15/
and, for Hangul, in section 3.12 of the Unicode Standard. A batch is processed as one flat list of
code points. TensorFlow Text's `normalize_utf8` cannot be used: every program that loads the model
would need that library, and its version of Unicode differs from the version that we use elsewhere.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

import tensorflow as tf

from keras_attention.text.graph.unicode_tables import (
    CODE_POINTS,
    L_BASE,
    L_COUNT,
    S_BASE,
    S_COUNT,
    T_BASE,
    T_COUNT,
    V_BASE,
    V_COUNT,
    Expansions,
    Ints,
    compositions,
    decompositions,
    inert,
    inert_to_lower_case,
    lower_case,
)
from keras_attention.text.normalization import EDGES, Normalizer

Tensor: TypeAlias = Any

_REMOVED = -1


def apply_normalizer(normalizer: Normalizer, texts: Tensor) -> Tensor:
    """Normalize texts as a `Normalizer` does.

    Args:
        normalizer: the normalizer in Python.
        texts: UTF-8 strings [B]. Invalid bytes become U+FFFD, as with Python's `errors="replace"`.

    Returns:
        Strings [B].
    """
    texts = normalize(texts, normalizer.form)
    if normalizer.lowercase:
        texts = normalize(lower_points(texts), normalizer.form)
    return strip(texts) if normalizer.strip else texts


def normalize(texts: Tensor, form: str = "nfc") -> Tensor:
    r"""Convert texts to a Unicode normal form, as `normalization.normalize` does.

    A text is returned as it is if all its code points are inert: they never change, whatever their
    neighbours are. For "nfc", these are the code points with `NFC_Quick_Check=Yes` and combining
    class 0; English, Chinese and composed Korean consist of them.

    Args:
        texts: UTF-8 strings [B]. Invalid bytes become U+FFFD, as with Python's `errors="replace"`.
        form: "nfc", "nfd" or "nfkc".

    Returns:
        Strings [B].

    Example:
        >>> normalize(tf.constant(["e\u0301"])).numpy()[0].decode()
        'é'
    """
    return _graph_of(form)(texts)


@cache
def _graph_of(form: str) -> Any:
    """Return `_normalize` for a normal form as a compiled function.

    An export normalizes in several places, and the graph is large. Therefore all of them, in all
    exports of a process, call one graph.
    """
    texts = tf.TensorSpec([None], tf.string)
    return tf.function(partial(_normalize, form=form), input_signature=[texts], autograph=False)


def _normalize(texts: Tensor, form: str) -> Tensor:
    def to_form(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        codes, rows = _decompose(codes, rows, decompositions(form))
        codes, classes = _order_canonically(codes, rows)
        return (codes, rows) if form == "nfd" else _keep(_compose(codes, classes, rows), rows)

    return _map_active(texts, inert(form), to_form)


def lower_points(texts: Tensor) -> Tensor:
    """Lower-case each code point of texts `[B]`, as `normalization.lower_points` does."""
    # tf.strings.lower treats a final capital sigma differently, and has a different version of
    # Unicode.
    return _map_active(
        texts, inert_to_lower_case(), lambda codes, rows: _expand(codes, rows, lower_case())
    )


def strip(texts: Tensor) -> Tensor:
    """Remove the characters in `EDGES` at both ends of each text of `[B]`."""
    return tf.strings.regex_replace(texts, f"^[{EDGES}]+|[{EDGES}]+$", "")


def _map_active(
    texts: Tensor, inert: str, function: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> Tensor:
    """Apply a function of code points and their rows to the texts that do not match `inert`."""
    texts = tf.convert_to_tensor(texts, tf.string)
    is_inert = tf.strings.regex_full_match(texts, inert)

    def map_active() -> Tensor:
        active = tf.where(tf.logical_not(is_inert))
        decoded = tf.strings.unicode_decode(tf.gather_nd(texts, active), "UTF-8", errors="replace")
        codes, rows = function(decoded.flat_values, decoded.value_rowids())
        mapped = tf.RaggedTensor.from_value_rowids(codes, rows, decoded.nrows(), validate=False)
        return tf.tensor_scatter_nd_update(
            texts, active, tf.strings.unicode_encode(mapped, "UTF-8")
        )

    return tf.cond(tf.reduce_all(is_inert), lambda: texts, map_active)


def _decompose(codes: Tensor, rows: Tensor, table: Expansions) -> tuple[Tensor, Tensor]:
    """Replace each code point by its full decomposition; the number of code points changes."""
    codes, rows = _expand(codes, rows, table)
    hangul = _is_within(codes, S_BASE, S_COUNT)[:, None]
    itself = tf.pad(codes[:, None], [[0, 0], [0, 2]], constant_values=_REMOVED)
    decomposed = tf.where(hangul, _decompose_hangul(codes), itself)
    return _keep(tf.reshape(decomposed, [-1]), tf.repeat(rows, 3))


def _expand(codes: Tensor, rows: Tensor, table: Expansions) -> tuple[Tensor, Tensor]:
    """Replace each code point that is in the table; the number of code points changes."""
    index, found = _find(codes, table.keys)
    # The input's code points are appended to the table's, so that one gather serves both.
    itself, table_ends = len(table.points) + tf.range(tf.size(codes)), tf.constant(table.ends)
    starts = tf.where(found, tf.gather(table_ends, index), itself)
    ends = tf.where(found, tf.gather(table_ends, index + 1), itself + 1)
    indices = tf.ragged.range(starts, ends).flat_values
    return tf.gather(tf.concat([table.points, codes], 0), indices), tf.repeat(rows, ends - starts)


def _decompose_hangul(syllables: Tensor) -> Tensor:
    """Return L, V and T (or _REMOVED) of each syllable, [N, 3]; other codes give invalid rows."""
    index = syllables - S_BASE
    leading = L_BASE + index // (V_COUNT * T_COUNT)
    vowel = V_BASE + index // T_COUNT % V_COUNT
    trailing = tf.where(index % T_COUNT == 0, _REMOVED, T_BASE + index % T_COUNT)
    return tf.stack([leading, vowel, trailing], axis=1)


def _order_canonically(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sort each run of non-starters stably by combining class; return codes and classes."""
    index, found = _find(codes, compositions().joining_keys)
    classes = tf.where(found, tf.gather(compositions().joining_classes, index), 0)
    runs = tf.cumsum(tf.cast(_starts_line(rows) | (classes == 0), tf.int64))
    size = tf.size(codes, tf.int64)
    # The position makes the keys unique, so the sort need not be stable.
    keys = (runs * 256 + tf.cast(classes, tf.int64)) * size + tf.range(size)
    order = tf.sort(keys) % size
    return tf.gather(codes, order), tf.gather(classes, order)


def _compose(codes: Tensor, classes: Tensor, rows: Tensor) -> Tensor:
    """Compose starters with the code points after them, and mark the merged ones as removed.

    Composition never crosses a code point that cannot combine with the one before it. So each line
    is cut before every such code point. All pieces are processed in parallel, one position in each
    iteration of the loop.
    """
    _, joining = _find(codes, compositions().joining_keys)
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
    """Return the primary composite of each pair, or _REMOVED if there is none."""
    keys = tf.cast(first, tf.int64) * CODE_POINTS + tf.cast(second, tf.int64)
    index, found = _find(keys, compositions().pair_keys)
    composites = tf.where(found, tf.gather(compositions().composites, index), _REMOVED)
    leading, vowel, trailing = first - L_BASE, second - V_BASE, second - T_BASE
    is_lv = _is_within(first, L_BASE, L_COUNT) & _is_within(second, V_BASE, V_COUNT)
    composites = tf.where(is_lv, S_BASE + (leading * V_COUNT + vowel) * T_COUNT, composites)
    is_lvt = _is_within(first, S_BASE, S_COUNT) & ((first - S_BASE) % T_COUNT == 0)
    is_lvt &= _is_within(second, T_BASE + 1, T_COUNT - 1)
    return tf.where(is_lvt, first + trailing, composites)


def _find(queries: Tensor, keys: Ints) -> tuple[Tensor, Tensor]:
    """Return the index of each query in the sorted keys, and whether it is one of the keys."""
    table = tf.constant(keys)
    index = tf.minimum(tf.searchsorted(table, queries), len(keys) - 1)
    return index, tf.gather(table, index) == queries


def _keep(codes: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    kept = codes != _REMOVED
    return tf.boolean_mask(codes, kept), tf.boolean_mask(rows, kept)


def _starts_line(rows: Tensor) -> Tensor:
    return tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], axis=0)


def _is_within(codes: Tensor, base: int, count: int) -> Tensor:
    return (codes >= base) & (codes < base + count)
