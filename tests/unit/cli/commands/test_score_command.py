"""`score` scores pairs in parts, and sorts the pairs of each part by length."""

import pytest

from keras_attention.cli.commands.score import _score
from keras_attention.errors import TextError


class Scorer:
    """A translator that rejects long sources, and records how many pairs it scores together."""

    def __init__(self):
        self.counts = []

    def score(self, sources, targets, *, batch_size):
        assert batch_size == 64
        self.counts.append(len(sources))
        for position, source in enumerate(sources):
            if len(source) > 5:
                raise TextError("expected at most 5 letters. Received: 6.", position, "pair")
        return list(zip(sources, targets, strict=True))


def test_the_scores_of_all_parts_are_in_order():
    scorer, pairs = Scorer(), [(str(n), "x") for n in range(1500)]
    assert _score(scorer, pairs) == pairs
    assert scorer.counts == [1024, 476]


def test_an_error_counts_the_pairs_of_earlier_parts():
    with pytest.raises(TextError, match="^pair 1201: expected at most 5 letters"):
        _score(Scorer(), [("a", "x")] * 1200 + [("longer", "x")])
