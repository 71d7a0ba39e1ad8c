"""The automata of forced terms are compared with a search for the terms in every short output."""

import itertools

import pytest
from term_reference import AB, BORDERS, CA, SETS, TEXTS, A, B, contains

from keras_attention.decoding.automata.automaton import ENDED
from keras_attention.decoding.automata.term_automaton import Form, make_term_automaton, most_edges
from keras_attention.special_tokens import END_ID

LONGEST = 5


def outputs():
    for length in range(LONGEST + 1):
        yield from itertools.product(TEXTS, repeat=length)


@pytest.fixture(scope="module")
def joint():
    return make_term_automaton(SETS, BORDERS, 20)


@pytest.mark.parametrize("number", range(len(SETS)))
def test_the_automaton_accepts_exactly_the_outputs_that_contain_the_terms(joint, number):
    automaton, forced = joint
    for tokens in outputs():
        ended = automaton.follow([*tokens, END_ID], forced.starts[number])
        assert (ended == ENDED) == contains(tokens, SETS[number]), tokens


@pytest.mark.parametrize("number", range(len(SETS)))
def test_the_shortest_output_is_known_at_every_start(joint, number):
    automaton, forced = joint
    shortest = min(len(each) for each in outputs() if contains(each, SETS[number]))
    assert automaton.shortest_from(forced.starts[number]) == shortest + 1


def test_equal_sets_of_terms_share_their_nodes():
    automaton, forced = make_term_automaton([((A,),), (), ((A,),)], BORDERS, 5)
    assert forced.starts[0] == forced.starts[2] != forced.starts[1]
    assert len(automaton.nodes) == 1 + 3 * 2 + 2  # in and outside a word, and after "a"


def test_missing_tokens_are_counted():
    automaton, forced = make_term_automaton([((AB,), (CA,))], BORDERS, 9)

    def missing(*tokens):
        return forced.missing[automaton.follow(tokens, forced.starts[0])]

    assert [missing(), missing(3), missing(4), missing(4, 5), missing(4, 5, 3)] == [4, 4, 3, 2, 2]
    assert missing(4, 4) == 3 and missing(4, 3) == 4
    assert missing(4, 5, 5) == 4  # the word goes on, so it is not the term
    assert missing(6, 4) == 2  # " c- a" is complete if the word ends, and " ab" has begun
    assert missing(6, 4, 3) == 2 and missing(6, 4, 5) == 2  # "c- ab" contains only " ab"
    assert missing(6, 4, 3, 4, 5, END_ID) == 0


def test_missing_tokens_are_scaled_to_the_beam():
    terms = [((Form((4, 4, 4, 4, 4)),),)]
    automaton, forced = make_term_automaton(terms, BORDERS, 3)
    nodes = [automaton.follow([4] * count, forced.starts[0]) for count in range(6)]
    assert forced.missing[nodes].tolist() == [2, 1, 1, 0, 0, 0]
    assert forced.levels.tolist() == [0, 1, 2]


def test_the_number_of_edges_is_limited_in_advance():
    for sets in ([SETS[1]], SETS, [((A,), (B,), (AB,), (CA,))]):
        automaton, _ = make_term_automaton(sets, BORDERS, 5)
        assert len(automaton.edges) - len(automaton.places) <= most_edges(sets)


def test_every_token_that_search_may_choose_has_a_class():
    automaton, _ = make_term_automaton([((A,),)], BORDERS, 5)
    assert (automaton.classes > 0).tolist() == [False, False, True, True, True, True, True]
