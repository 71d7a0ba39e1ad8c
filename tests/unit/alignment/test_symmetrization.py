import random

import pytest

from keras_attention.alignment.links import parse_links
from keras_attention.alignment.symmetrization import SYMMETRIZATIONS, symmetrize
from keras_attention.errors import InputError


def links(text):
    return parse_links(text).sure


def by_the_moses_manual(e2f, f2e, english, foreign):
    """Symmetrize with GROW-DIAG-FINAL-AND of the Moses manual; points are (english, foreign)."""
    neighboring = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    alignment, union = e2f & f2e, e2f | f2e

    def aligned(e=None, f=None):
        return any((e is None or e == a) and (f is None or f == b) for a, b in alignment)

    added = True
    while added:
        added = False
        for e in range(english):
            for f in range(foreign):
                if not aligned(e, f):
                    continue
                for down, right in neighboring:
                    new = e + down, f + right
                    if (not aligned(e=new[0]) or not aligned(f=new[1])) and new in union:
                        alignment, added = alignment | {new}, True
    for side in (e2f, f2e):
        for e in range(english):
            for f in range(foreign):
                if not aligned(e=e) and not aligned(f=f) and (e, f) in side:
                    alignment = alignment | {(e, f)}
    return alignment


def swapped(links):
    return frozenset((second, first) for first, second in links)


def test_grow_diag_final_and_equals_moses():
    rng = random.Random(7)
    grown = smaller = 0
    for _ in range(400):
        sources, targets = rng.randint(1, 7), rng.randint(1, 7)
        forward = {(rng.randrange(sources), t) for t in range(targets) if rng.random() < 0.9}
        reverse = {(s, rng.randrange(targets)) for s in range(sources) if rng.random() < 0.9}
        reverse |= {link for link in forward if rng.random() < 0.3}
        sides = frozenset(forward), frozenset(reverse)
        found = symmetrize(*sides)
        assert found == swapped(by_the_moses_manual(*map(swapped, sides), targets, sources))
        assert sides[0] & sides[1] <= found <= sides[0] | sides[1]
        grown += bool(found - (sides[0] & sides[1]))
        smaller += found != sides[0] | sides[1]
    assert grown > 100 and smaller > 100


def test_an_example_equals_the_result_worked_out_by_hand():
    # Both sides have 0-0. 1-1 is next to it, and both of its tokens are new. 1-2 and 2-1 are next
    # to 1-1, and target 2 and source 2 are new. 3-3 and 4-3 are next to none of these. The final
    # step adds 4-3 first, because it is a forward link. Then 3-3 is left out, because its target is
    # linked, and 5-5 is added, because both of its tokens are new.
    found = symmetrize(links("0-0 1-1 1-2 4-3"), links("0-0 2-1 3-3 5-5"))
    assert found == links("0-0 1-1 2-1 1-2 4-3 5-5")


def test_a_neighbour_with_both_tokens_linked_is_left_out():
    both = links("0-0 1-1")
    assert symmetrize(both | links("0-1"), both) == both
    assert symmetrize(both, both | links("1-0")) == both


def test_intersection_and_union_equal_the_set_operations():
    one, other = links("0-0 1-1"), links("1-1 2-2")
    assert symmetrize(one, other, "intersection") == links("1-1")
    assert symmetrize(one, other, "union") == links("0-0 1-1 2-2")
    for method in SYMMETRIZATIONS:
        assert symmetrize(one, one, method) == one
        assert symmetrize(links(""), links(""), method) == links("")


def test_an_unknown_method_is_rejected():
    with pytest.raises(InputError, match="one of intersection, union, grow-.* Received: 'grow'"):
        symmetrize(links(""), links(""), "grow")
