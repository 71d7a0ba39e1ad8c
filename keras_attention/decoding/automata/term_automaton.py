"""An automaton that accepts the outputs that contain given terms. Each source has its own terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.automata.automaton import FIRST, Automaton, Ids, from_edges
from keras_attention.special_tokens import END_ID, START_ID

MOST_TERMS = 8
"""The largest number of terms in one output, because each term doubles the number of nodes."""

_END_CLASS, _OTHERS = 1, 2
"""The class of the end token, and the first class of the tokens that no term contains."""

_KINDS = 4
"""Number of kinds of tokens. A kind says whether a token begins inside a word, and whether it ends
inside a word."""

_TABLES_KEPT = 64


class Form(NamedTuple):
    """One way to write a term.

    Attributes:
        ids: its target ids, at least one.
        open_end: whether its last word may continue in the output.
    """

    ids: tuple[int, ...]
    open_end: bool = False


Term = tuple[Form, ...]
"""The forms of a term. An output contains the term if it contains one of its forms."""

Terms = tuple[Term, ...]
"""The terms that one output must contain."""


class Borders(NamedTuple):
    """The target tokens that can be joined to one word with the token before or after them.

    Attributes:
        begins: for each token, whether it continues a word that the token before it leaves open
            `[V]`.
        ends: for each token, whether it leaves a word open `[V]`.
    """

    begins: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]


class ForcedTerms(NamedTuple):
    """The terms of each source in a search with a term automaton.

    Inside a graph, the arrays may be tensors.

    Attributes:
        starts: the node at which the outputs of each source begin `[B]`.
        missing: for each node, the number of tokens that the terms of its source still need, scaled
            down to at most `beam_width - 1` `[N]`. It is 0 if the output contains all terms.
        levels: 0, 1, 2 ... up to the largest value in `missing`.
    """

    starts: Any
    missing: Any
    levels: Any


class _Place(NamedTuple):
    """The progress of an output in its terms, as far as its last tokens determine it.

    Attributes:
        in_word: whether the last token leaves a word open.
        begun: for each form that the last tokens may belong to: the number of the term, the form,
            and how many of its tokens the output has so far. If it has all of them, it is not
            known yet whether the word ends there.
    """

    in_word: bool
    begun: frozenset[tuple[int, Form, int]]


class _Table(NamedTuple):
    """The states of an output with one set of terms.

    A state consists of the terms that the output contains, one of `M = 2 ** terms` sets, and of one
    of `Q` places.

    Attributes:
        following: the next state after a token of each kind, and after each token of the terms
            `[M, Q, 4 + tokens]`. State `m * Q + q` is place `q` after the terms whose
            bits are set in `m`.
        may_end: whether the output contains all terms if it ends here `[M, Q]`.
        missing: the number of tokens that the terms still need `[M, Q]`.
    """

    following: Ids
    may_end: npt.NDArray[np.bool_]
    missing: Ids


def make_term_automaton(
    terms: Sequence[Terms], borders: Borders, beam_width: int
) -> tuple[Automaton, ForcedTerms]:
    """Return the automaton of the outputs that contain the terms of their source.

    An output contains a form if the form's tokens occur in it one after the other, with the border
    of a word before the first token and after the last one.

    Args:
        terms: the terms of each source, at most `MOST_TERMS` for each; at least one source.
        borders: the borders of words.
        beam_width: number of hypotheses per source, at least 2.

    Example:
        >>> each_token_is_a_word = Borders(np.zeros(8, "bool"), np.zeros(8, "bool"))
        >>> berlin, bonn = (Form((4, 5)),), (Form((6,)), Form((7,)))  # Bonn has two forms
        >>> automaton, forced = make_term_automaton([(berlin, bonn), ()], each_token_is_a_word, 5)
        >>> [automaton.shortest_from(start) for start in forced.starts]
        [4, 1]
        >>> start = forced.starts[0]
        >>> automaton.follow([7, 4, 5, END_ID], start), automaton.follow([4, 7, 5, END_ID], start)
        (0, None)
    """
    kinds = (2 * borders.begins + borders.ends).astype("int32")
    sets = list(dict.fromkeys(terms))
    tables = [_make_table(each, tuple(kinds[tokens_of([each])].tolist())) for each in sets]
    tokens = tokens_of(sets)
    parts, starts, count = [], dict[Terms, int](), 0
    for each, table in zip(sets, tables, strict=True):
        starts[each] = FIRST + count
        columns = dict(zip(tokens_of([each]), range(_KINDS, len(tokens) + _KINDS), strict=False))
        picked = [*range(_KINDS), *(columns.get(token, kinds[token]) for token in tokens)]
        following = table.following[:, :, picked].reshape(-1, len(picked)) + count
        ends = np.where(table.may_end, 0, -1).reshape(-1, 1)  # any number, or no edge
        parts.append(np.concatenate([ends, following], axis=1))
        count += len(following)
    edges = np.concatenate(parts)
    nodes, places = (each.astype("int32") for each in np.nonzero(edges >= 0))
    classes = kinds + _OTHERS
    classes[: START_ID + 1] = 0
    classes[tokens] = np.arange(len(tokens)) + _OTHERS + _KINDS
    classes[END_ID] = _END_CLASS
    automaton = from_edges(classes, nodes, places + _END_CLASS, edges[nodes, places], count)
    missing = [_scale(table.missing.ravel(), beam_width) for table in tables]
    return automaton, _forced_terms([starts[each] for each in terms], missing)


def tokens_of(sets: Iterable[Terms]) -> list[int]:
    """Return all tokens of some sets of terms in ascending order."""
    return sorted({token for each in sets for form in _forms_of(each) for token in form.ids})


def most_edges(sets: Iterable[Terms]) -> int:
    """Return an upper limit on the edges of the automaton of some sets of terms."""
    different = set(sets)
    nodes = (2 ** len(each) * (2 + sum(len(form.ids) for form in _forms_of(each)))
             for each in different)  # fmt: skip
    return sum(nodes) * most_edges_of_node(different)


def most_edges_of_node(sets: Iterable[Terms]) -> int:
    """Return an upper limit on the edges of one node of the automaton of some sets of terms."""
    return 1 + _KINDS + len(tokens_of(sets))


def _forms_of(terms: Terms) -> list[Form]:
    return [form for term in terms for form in term]


@lru_cache(_TABLES_KEPT)
def _make_table(terms: Terms, kinds: tuple[int, ...]) -> _Table:
    """Return the table of a set of terms, whose tokens have these kinds."""
    symbols = [(-1, kind) for kind in range(_KINDS)]  # -1 for tokens that no term contains
    symbols += zip(tokens_of([terms]), kinds, strict=True)
    places = [_Place(in_word=False, begun=frozenset())]
    numbers = {places[0]: 0}
    following, found = [], []
    for place in places:  # the loop appends new places
        steps = [_read(terms, place, *symbol) for symbol in symbols]
        for _, new in steps:
            if new not in numbers:
                numbers[new] = len(places)
                places.append(new)
        following.append([numbers[new] for _, new in steps])
        found.append([bits for bits, _ in steps])
    met = np.arange(2 ** len(terms), dtype="int32")[:, None, None]
    at_end = np.array([_completed(place) for place in places], "int32")
    return _Table(
        (met | np.array(found, "int32")) * len(places) + np.array(following, "int32"),
        (met[:, :, 0] | at_end) == len(met) - 1,
        _count_missing(terms, places),
    )


def _read(terms: Terms, place: _Place, token: int, kind: int) -> tuple[int, _Place]:
    """Return the bits of the terms that a token completes, and the place after it."""
    begins, ends = divmod(kind, 2)
    found = 0 if begins else _completed(place)
    readings = set(place.begun)
    if not (begins and place.in_word):
        readings |= {(number, form, 0) for number, term in enumerate(terms) for form in term}
    begun = set()
    for number, form, count in readings:
        if count == len(form.ids) or form.ids[count] != token:
            continue
        if count + 1 == len(form.ids) and (form.open_end or not ends):
            found |= 1 << number
        else:
            begun.add((number, form, count + 1))
    return found, _Place(bool(ends), frozenset(begun))


def _completed(place: _Place) -> int:
    """Return the bits of the terms that are complete if a border follows."""
    bits = 0
    for number, form, count in place.begun:
        if count == len(form.ids):
            bits |= 1 << number
    return bits


def _count_missing(terms: Terms, places: Sequence[_Place]) -> Ids:
    """Return the number of tokens that the terms still need in each state `[M, Q]`."""
    lengths = np.array([min(len(form.ids) for form in term) for term in terms], "int32")
    left = np.tile(lengths, (len(places), 1))
    for row, place in zip(left, places, strict=True):
        for number, form, count in place.begun:
            row[number] = min(row[number], len(form.ids) - count)
    bits = np.arange(2 ** len(terms))[:, None] >> np.arange(len(terms))
    absent = 1 - bits % 2  # [M, terms]
    # Only one term can be in progress at a time.
    begun = (absent[:, None] * (lengths - left)).max(axis=-1, initial=0)
    missing: Ids = (absent @ lengths)[:, None] - begun
    return missing


def _scale(missing: Ids, beam_width: int) -> Ids:
    """Scale numbers of missing tokens down, so that each of them can have a place in the beam."""
    most = int(missing.max())
    return missing if most < beam_width else missing * (beam_width - 1) // most


def _forced_terms(starts: Sequence[int], missing: Sequence[Ids]) -> ForcedTerms:
    by_node = np.concatenate([[0] * FIRST, *missing])
    arrays = starts, by_node, np.arange(by_node.max() + 1)
    return ForcedTerms(*(np.asarray(array, "int32") for array in arrays))
