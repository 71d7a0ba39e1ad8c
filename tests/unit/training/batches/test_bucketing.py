"""Pairs are ordered by rank, like a stable argsort."""

import numpy as np
import pytest

from keras_attention.training.batches.bucketing import narrowed, order_of


@pytest.mark.parametrize("most", [1, 200, 60_000, 70_000, 2**33, 2**50])
def test_the_order_is_that_of_a_stable_argsort(most):
    rng = np.random.default_rng(1)
    ranks = rng.choice(rng.integers(0, most, 40), 500)
    ranks[0] = most
    assert (narrowed(ranks) == ranks).all()
    for each in (ranks, narrowed(ranks)):
        assert (order_of(each) == np.argsort(ranks, kind="stable")).all()


def test_the_order_of_zero_pairs_is_empty():
    empty = np.zeros(0, "int64")
    assert order_of(empty).shape == order_of(narrowed(empty)).shape == (0,)
