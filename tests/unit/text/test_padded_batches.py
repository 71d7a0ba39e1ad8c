import numpy as np
import pytest

from keras_attention.text.padded_batches import batch_by_tokens


@pytest.mark.parametrize("rows", [None, 1, 3])
@pytest.mark.parametrize("tokens", [1, 10, 40])
def test_batches_are_as_large_as_the_limits_allow(rows, tokens):
    lengths = np.random.default_rng(0).integers(1, 15, 60).tolist()
    batches = list(batch_by_tokens(lengths, int, rows=rows, tokens=tokens))
    assert sum(batches, []) == lengths
    for batch, following in zip(batches, [*batches[1:], None], strict=True):
        assert len(batch) <= (rows or 60)
        assert len(batch) == 1 or len(batch) * max(batch) <= tokens
        if following:
            more = [*batch, following[0]]
            assert len(more) * max(more) > tokens or len(more) > (rows or 60)


def test_no_more_than_one_item_is_read_ahead():
    read = []
    items = (read.append(n) or n for n in range(1, 9))
    batches = batch_by_tokens(items, lambda item: 1, rows=3)
    assert (next(batches), read) == ([1, 2, 3], [1, 2, 3])
    assert list(batch_by_tokens([], len)) == []
