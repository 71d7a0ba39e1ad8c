import io

import numpy as np
import pytest

from keras_attention.decoding.automata.automaton import (
    ENDED,
    FIRST,
    Automaton,
    make_automaton,
    make_trie,
)
from keras_attention.errors import InputError
from keras_attention.special_tokens import END_ID

OUTPUTS = [[4, 5], [4], [6, 4, 5], []]
TRIE = make_trie(OUTPUTS, 8)


def ids(possible):
    return set(np.flatnonzero(possible).tolist())


def test_a_trie_accepts_exactly_its_outputs():
    for output in OUTPUTS:
        assert TRIE.follow([*output, END_ID]) == ENDED
    for output in ([5], [6], [6, 4], [4, 5, 5], [7]):
        assert TRIE.follow([*output, END_ID]) is None


def test_tokens_are_possible_if_an_output_can_end_in_the_steps_that_are_left():
    assert ids(TRIE.possible(FIRST, steps=4)) == {END_ID, 4, 6}
    assert ids(TRIE.possible(FIRST, steps=3)) == {END_ID, 4}
    assert ids(TRIE.possible(FIRST, steps=1)) == {END_ID}
    assert ids(TRIE.possible(TRIE.follow([4]), steps=2)) == {END_ID, 5}
    assert TRIE.shortest == 1


def test_edges_from_which_no_end_can_be_reached_are_left_out():
    classes = np.array([0, 0, 1, 0, 2, 3], "int32")
    automaton = make_automaton(classes, [{2: 1, 3: 2}, {2: 1, 3: 1}, {1: 0}])
    assert ids(automaton.possible(FIRST, steps=100)) == {5}
    assert automaton.follow([4]) is None and automaton.shortest == 2


def test_an_automaton_without_outputs_is_an_error():
    with pytest.raises(ValueError, match="path from the first one to the end"):
        make_automaton(np.array([0, 0, 1, 0, 2], "int32"), [{2: 0}])


def test_steps_are_counted_to_the_nearest_end():
    classes = np.array([0, 0, 1, 0, 2, 3], "int32")
    chain = [{2: place + 1, 3: 9} for place in range(9)] + [{1: 0}]
    automaton = make_automaton(classes, chain)
    assert automaton.shortest == 2
    assert ids(automaton.possible(FIRST, steps=2)) == {5}
    assert ids(automaton.possible(FIRST, steps=3)) == {4, 5}


def test_a_file_holds_the_whole_automaton():
    loaded = Automaton.from_bytes(TRIE.to_bytes(), "file", 8)
    for expected, actual in zip(TRIE, loaded, strict=True):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == expected.dtype == np.int32


def damaged(**changes):
    stream = io.BytesIO()
    arrays = {name: getattr(TRIE, name) for name in ("classes", "nodes", "edges")}
    np.savez(stream, **{**arrays, **changes})
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TRIE.to_bytes()[:-9],
        damaged(edges=TRIE.edges + 100),
        damaged(nodes=TRIE.nodes + [[0, 100]] * (np.arange(len(TRIE.nodes)) > 0)[:, None]),
        damaged(nodes=TRIE.nodes - [[1, 0]]),
        damaged(classes=TRIE.classes + 9),
        damaged(classes=TRIE.classes[:-1]),
    ],
)
def test_a_damaged_file_is_refused(content):
    with pytest.raises(InputError, match="name: damaged, expected .* with 8 target tokens"):
        Automaton.from_bytes(content, "name", 8)
