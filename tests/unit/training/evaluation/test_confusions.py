from functools import cache

import numpy as np
import pytest

from keras_attention.training.evaluation.confusions import (
    Confusion,
    align_edits,
    align_outputs,
    count_confusions,
    edit_rate,
)
from keras_attention.training.evaluation.evaluate import Evaluation


def least_cost(written, expected):
    """Return `(edits, -equal)` by brute force: the fewest edits, then the most equal tokens."""

    @cache
    def best(row, column):
        if row == 0 or column == 0:
            return row + column, 0
        same = written[row - 1] == expected[column - 1]
        steps = (
            (best(row - 1, column), 1, 0),
            (best(row, column - 1), 1, 0),
            (best(row - 1, column - 1), int(not same), -int(same)),
        )
        return min((edits + more, equal + hit) for (edits, equal), more, hit in steps)

    return best(len(written), len(expected))


def random_texts(seed):
    rng = np.random.default_rng(seed)
    return tuple("".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(2))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *map(random_texts, range(60)),
        # If a substitution cost as much as a deletion, these would have fewer equal tokens.
        ("bcdcdccbdac", "dcbbbbcd"),
        ("cbbbbacaba", "ccccaaac"),
        ("ccbbcabac", "bbcaaacbaba"),
    ],
)
def test_the_alignment_has_the_fewest_edits_and_then_the_most_equal_tokens(written, expected):
    steps = align_edits(written, expected)
    assert "".join(step.written or "" for step in steps) == written
    assert "".join(step.expected or "" for step in steps) == expected
    edits = sum(step.is_edit for step in steps)
    assert (edits, edits - len(steps)) == least_cost(written, expected)


def test_edits_are_counted_with_their_examples():
    pairs = [("s", "a b c", "a x c"), ("t", "b", "x"), ("u", "b b", "x x"), ("v", "a", "a d")]
    pairs += [("w", "a e", "a"), ("right", "b", "b")]
    alignments = align_outputs(Evaluation(tuple(pairs)), str.split)
    found = count_confusions(alignments)
    assert found == [
        Confusion("x", "b", 4, (0, 1, 2)),
        Confusion("d", None, 1, (3,)),
        Confusion(None, "e", 1, (4,)),
    ]
    assert list(map(edit_rate, alignments)) == pytest.approx([1 / 3, 1, 1, 1, 1 / 2, 0])


def test_an_empty_reference_counts_as_one_token():
    assert edit_rate(align_edits(["x", "y"], [])) == 2


def test_long_texts_that_differ_at_one_place_are_aligned():
    written = ["x"] * 5000 + ["y"] + ["x"] * 5000
    steps = align_edits(written, ["x"] * 10000)
    assert [tuple(step) for step in steps if step.is_edit] == [("y", None)]
