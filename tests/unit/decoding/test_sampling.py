"""The tokens that sampling may draw, compared with brute force."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.sampling import likely_only

# Counts with only five distinct values, so that most tokens tie with others.
COUNTS = np.random.default_rng(0).integers(1, 6, (40, 9))
LOGITS = np.log(COUNTS).astype("float32")


def likely(counts, top_k, top_p):
    """Return the ids of the tokens that may be drawn; ties are broken in favour of lower ids."""
    order = sorted(range(len(counts)), key=lambda token: (-counts[token], token))
    order = order[: top_k or len(counts)]
    total = sum(counts[token] for token in order)
    kept = 1
    while sum(counts[token] for token in order[:kept]) < top_p * total:
        kept += 1
    return set(order[:kept])


@pytest.mark.parametrize(
    "top_k, top_p",
    # No cumulative probability is so close to these values that float32 would decide differently.
    [
        (1, 1.0),
        (3, 1.0),
        (0, 1e-4),
        (0, 0.3337),
        (0, 0.7113),
        (0, 0.98977),
        (4, 0.61803),
        (20, 1.0),
    ],
)
def test_the_smallest_set_of_most_likely_tokens_is_kept_and_lower_ids_win_ties(top_k, top_p):
    logits = ops.convert_to_numpy(likely_only(ops.convert_to_tensor(LOGITS), top_k, top_p))
    for row, counts, given in zip(logits, COUNTS, LOGITS, strict=True):
        kept = likely(counts, top_k, top_p)
        assert {int(token) for token in np.flatnonzero(np.isfinite(row))} == kept
        np.testing.assert_array_equal(row[sorted(kept)], given[sorted(kept)])
