"""The loop drops sources that have ended, and this does not change the results."""

import numpy as np
import pytest
from decoding_models import seeded
from keras import ops
from support import tensorflow_only, to_numpy

from keras_attention import Ensemble, Memory, search
from keras_attention.decoding.loop import run_steps
from keras_attention.models.short_listed import ShortListed

LENGTHS = np.array([3, 9, 1, 4, 4, 7, 2, 30, 5, 1], "int32")
STEPS = 12


def count_up(lengths, count_rows):
    """Return the number of steps, `live` and `history` of rows that end after `lengths` steps.

    A step writes its number to all rows that have not reached their length.
    """
    memory = Memory(lengths, lengths, ops.equal(lengths, lengths)[:, None])

    def ended(live):
        return live[0] >= live[1]

    def advance(t, live, history, memory):
        count_rows(ops.shape(memory.mask)[0])
        written = ops.where(ended(live), 0, ops.zeros_like(live[0]) + t + 1)
        now = ops.equal(ops.arange(STEPS), t)[:, None]
        so_far = ops.where(ended(live), live[0], live[0] + 1)
        return (so_far, live[1]), ops.where(now, written, history)

    live = (ops.zeros_like(lengths), lengths)
    history = ops.zeros((STEPS, ops.shape(lengths)[0]), "int32")
    return run_steps(advance, ended, live, history, memory, max_length=STEPS)


def expected_rows(lengths):
    """Return the number of rows at each step; ended rows are dropped when half have ended."""
    rows, counts = len(lengths), []
    for t in range(STEPS):
        left = int((lengths > t).sum())
        if left <= rows // 2:
            rows = left
        if not rows:
            break
        counts.append(rows)
    return counts


@tensorflow_only("only TensorFlow graphs accept any batch size")
@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[:1], LENGTHS[:0], np.full(4, 3, "int32")])
def test_rows_are_dropped_when_they_have_ended(lengths):
    import tensorflow as tf

    rows = tf.Variable(0)
    graph = tf.function(
        lambda lengths: count_up(lengths, rows.assign_add),
        input_signature=[tf.TensorSpec([None], tf.int32)],
        autograph=False,
    )
    steps, (so_far, _), history = to_numpy(graph(lengths))
    assert int(rows) == sum(expected_rows(lengths))
    assert int(steps) == len(expected_rows(lengths))
    np.testing.assert_array_equal(so_far, np.minimum(lengths, STEPS))
    numbers = np.arange(STEPS)[:, None]
    np.testing.assert_array_equal(history, np.where(numbers < lengths, numbers + 1, 0))


def test_no_row_is_dropped_if_the_batch_size_is_fixed():
    """The loops of other backends and of TFLite need the same shapes in all steps."""
    rows = []
    steps, (so_far, _), _ = to_numpy(count_up(ops.convert_to_tensor(LENGTHS), rows.append))
    assert set(map(int, rows)) == {len(LENGTHS)}
    assert int(steps) == STEPS
    np.testing.assert_array_equal(so_far, np.minimum(LENGTHS, STEPS))


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(3)
    ids = rng.integers(3, 7, (19, 6)).astype("int32")
    for row, length in zip(ids, rng.integers(0, 6, len(ids)), strict=True):
        row[length:] = 0
        row[length] = 2
    return ids


# With these seeds, the outputs for different sources end at different steps.
MODELS = {
    "before": lambda: seeded("before", 1),
    "after": lambda: seeded("after", 1),
    "feeding": lambda: seeded("feeding", 3),
    "none": lambda: seeded("none", 4),
    "ensemble": lambda: Ensemble([seeded("before", 1), seeded("none", 2)]),
    "short list": lambda: ShortListed(seeded("after", 1), np.array([0, 1, 2, 3, 5], "int32")),
}
SEARCHES = {
    "greedy": {},
    "blocked": {"no_repeat_ngram": 2, "repetition_penalty": 1.5},
    "beam": {"beam_width": 3, "length_penalty": 0.6},
    # The options that read earlier tokens or alignments, which the loop drops with their rows.
    "every option": {
        "beam_width": 3,
        "coverage_penalty": 0.4,
        "min_length": 2,
        "no_repeat_ngram": 2,
        "repetition_penalty": 1.5,
    },
    "groups": {"beam_width": 4, "groups": 2, "group_diversity": 0.5},
    "sample": {"sample": True, "seed": 5},
}


@tensorflow_only("only TensorFlow graphs accept any batch size")
@pytest.mark.parametrize(
    "model, options, prefixed",
    [
        ("before", "blocked", True),
        ("before", "groups", True),
        ("after", "every option", False),
        ("feeding", "greedy", False),
        ("none", "sample", True),
        ("ensemble", "beam", False),
        ("short list", "beam", True),
    ],
)
def test_dropping_rows_does_not_change_the_hypotheses(sources, model, options, prefixed):
    import tensorflow as tf

    model, options = MODELS[model](), {"max_length": 14, **SEARCHES[options]}
    prefix = np.tile(np.array([[3, 4]], "int32"), (len(sources), 1))
    prefix[::3] = 0
    arguments = (sources, prefix) if prefixed else (sources,)

    def run(source, *prefix):
        return search(model, source, prefix=prefix[0] if prefixed else None, **options)

    open_rows = [tf.TensorSpec([None, None], tf.int32)] * len(arguments)
    graph = tf.function(run, input_signature=open_rows, autograph=False)
    dropped = to_numpy(graph(*arguments))
    whole = to_numpy(run(*arguments))  # an eager call has a fixed batch size, so it drops no rows
    lengths = (whole.tokens != 0).sum(-1).max(-1)
    assert len(set(lengths)) > 1
    np.testing.assert_array_equal(dropped.tokens, whole.tokens)
    np.testing.assert_allclose(dropped.scores, whole.scores, rtol=1e-5)
    np.testing.assert_allclose(dropped.alignments, whole.alignments, atol=1e-5)


@tensorflow_only("only TensorFlow graphs accept any batch size")
@pytest.mark.parametrize("options", [{}, {"beam_width": 2}])
def test_a_prefix_may_have_a_static_number_of_rows(sources, options):
    import tensorflow as tf

    model, prefix = MODELS["before"](), np.full((len(sources), 1), 4, "int32")
    graph = tf.function(
        lambda source: search(model, source, prefix=prefix, max_length=14, **options),
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
    )
    expected = search(model, sources, prefix=prefix, max_length=14, **options)
    np.testing.assert_array_equal(*(to_numpy(found.tokens) for found in (graph(sources), expected)))
