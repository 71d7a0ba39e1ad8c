import itertools
import logging
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import BahdanauAttention, MaskedCrossentropy, Seq2Seq
from keras_attention.errors import InputError
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID
from keras_attention.text.tokenizers import CharacterTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.training.tasks.dates import generate_dates

LETTERS = CharacterTokenizer(
    Vocabulary.build(list(source + target) for source, target in generate_dates(500, seed=1))
)


def make_batches(pairs, **settings):
    settings = {
        "batch_size": 8,
        "max_source_length": 40,
        "max_target_length": 40,
        "bucket_width": 4,
        "seed": 1,
    } | settings
    return PairBatches(pairs, LETTERS, LETTERS, **settings)


def texts(batch):
    (source_ids, _), target_out = batch
    return [
        (LETTERS.decode(source), LETTERS.decode(target))
        for source, target in zip(source_ids.tolist(), target_out.tolist(), strict=True)
    ]


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_equal(batches, others):
    assert len(batches) == len(others)
    tf.nest.map_structure(np.testing.assert_array_equal, batches, others)


@pytest.fixture(scope="module")
def pairs():
    return generate_dates(203, seed=2)


@pytest.fixture(scope="module")
def stream(pairs):
    """Return the first 100 batches of a stream."""
    return take(make_batches(pairs).stream(), 100)


@pytest.fixture(scope="module")
def stream_by_tokens(pairs):
    """Return the first 160 batches of a stream whose batches are limited by tokens."""
    return take(make_batches(pairs, batch_tokens=100).stream(), 160)


def test_a_batch_is_padded_and_has_start_and_end_tokens():
    batches = make_batches([("1/2", "12"), ("1", "2012")], bucket_width=40)
    (((source_ids, target_in), target_out),) = take(batches.once(), 1)
    one, two, zero, slash = (LETTERS.encode(text)[0] for text in "120/")
    assert source_ids.tolist() == [[one, slash, two, END_ID], [one, END_ID, PAD_ID, PAD_ID]]
    assert target_in.tolist() == [
        [START_ID, one, two, PAD_ID, PAD_ID],
        [START_ID, two, zero, one, two],
    ]
    assert target_out.tolist() == [
        [one, two, END_ID, PAD_ID, PAD_ID],
        [two, zero, one, two, END_ID],
    ]


def test_the_batch_size_and_lengths_are_dynamic(pairs):
    batches = make_batches(pairs)
    ids = tf.TensorSpec([None, None], tf.int32)
    for dataset in (batches.stream(), batches.once()):
        assert dataset.element_spec == ((ids, ids), ids)


def test_an_epoch_has_every_pair_once(pairs):
    batches = make_batches(pairs)
    taken = take(batches.stream(), 3 * batches.steps_per_epoch)
    for epoch in range(3):
        steps = taken[epoch * batches.steps_per_epoch : (epoch + 1) * batches.steps_per_epoch]
        assert Counter(itertools.chain(*map(texts, steps))) == Counter(pairs)


@pytest.mark.parametrize("first_step", [0, 1, 25, 26, 27, 60])
def test_a_stream_that_starts_at_a_later_step_has_the_same_batches(pairs, stream, first_step):
    batches = make_batches(pairs)
    assert batches.steps_per_epoch == 26
    late = take(batches.stream(first_step), 40)
    assert_equal(late, stream[first_step : first_step + 40])


def test_the_order_depends_on_the_seed_and_the_epoch(pairs):
    batches = make_batches(pairs)
    first, again = take(batches.stream(), 26), take(batches.stream(), 26)
    assert_equal(first, again)
    second = take(batches.stream(26), 26)
    other = take(make_batches(pairs, seed=2).stream(), 26)
    assert len({str(list(map(texts, epoch))) for epoch in (first, second, other)}) == 3


def test_a_late_start_does_not_build_earlier_batches(pairs):
    assert len(take(make_batches(pairs).stream(10**12), 2)) == 2


def test_batches_are_shuffled_across_buckets(pairs):
    batches = make_batches(pairs)
    widths = [batch[0][0].shape[1] for batch in take(batches.stream(), 26)]
    assert widths != sorted(widths)
    assert widths != sorted(widths, reverse=True)


def test_pairs_of_a_bucket_are_batched_differently_in_the_next_epoch(pairs):
    first, second = (take(make_batches(pairs).stream(step), 26) for step in (0, 26))
    batches = [{frozenset(texts(batch)) for batch in epoch} for epoch in (first, second)]
    assert len(batches[0] & batches[1]) < 5


def test_batch_sizes_differ_by_one_pair_at_most(pairs):
    batches = make_batches(pairs)
    sizes = {len(batch[1]) for batch in take(batches.stream(), 26)}
    assert sizes == {7, 8}


@pytest.mark.parametrize(("size", "steps"), [(1, 1), (7, 1), (8, 1), (9, 2), (16, 2), (17, 3)])
def test_an_epoch_has_the_fewest_possible_steps(size, steps):
    batches = make_batches(generate_dates(size, seed=1))
    assert batches.steps_per_epoch == steps
    assert len(take(batches.once(), 100)) == steps


def padded(batch):
    """Return the number of pairs in a batch, and the number of tokens on its larger side."""
    (source_ids, _), target_out = batch
    return len(target_out), max(source_ids.size, target_out.size)


def test_batches_by_tokens_are_nearly_full_and_never_exceed_the_limit(pairs):
    batches = make_batches(pairs, batch_tokens=200, bucket_width=1)
    for dataset in (batches.stream(), batches.stream(batches.steps_per_epoch)):
        taken = take(dataset, batches.steps_per_epoch)
        assert Counter(itertools.chain(*map(texts, taken))) == Counter(pairs)
        sizes, tokens = zip(*map(padded, taken), strict=True)
        assert max(tokens) <= 200 and np.median(tokens) > 150
        assert len(set(sizes)) > 2
    taken = take(batches.once(), 1000)
    assert Counter(itertools.chain(*map(texts, taken))) == Counter(pairs)
    assert max(tokens for _, tokens in map(padded, taken)) <= 200


@pytest.mark.parametrize("bucket_width", [3, 50])
def test_token_limits_hold_for_any_order_within_a_bucket(pairs, bucket_width):
    batches = make_batches(pairs, batch_tokens=120, bucket_width=bucket_width)
    taken = take(batches.stream(), 5 * batches.steps_per_epoch)
    assert max(tokens for _, tokens in map(padded, taken)) <= 120


@pytest.mark.parametrize("first_step", [1, 49, 50, 130])
def test_a_later_start_gives_the_same_batches_by_tokens(pairs, stream_by_tokens, first_step):
    late = take(make_batches(pairs, batch_tokens=100).stream(first_step), 30)
    assert_equal(late, stream_by_tokens[first_step : first_step + 30])


def test_a_pair_over_the_token_limit_has_its_own_batch():
    pairs = [("1" * 20, "2"), ("1", "2"), ("2", "1"), ("1", "2" * 30), ("2", "1" * 30)]
    batches = make_batches(pairs, batch_tokens=4)
    sizes = sorted(padded(batch) for batch in take(batches.stream(), batches.steps_per_epoch))
    assert sizes == [(1, 21), (1, 31), (1, 31), (2, 4)]


def test_buckets_need_little_padding():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 31, 4000)
    pairs = [("1" * length, "2" * (length + rng.integers(0, 4))) for length in lengths]
    batches = make_batches(pairs, bucket_width=2, batch_size=32)
    taken = take(batches.stream(), batches.steps_per_epoch)
    for part in (lambda batch: batch[0][0], lambda batch: batch[1]):
        real = sum(np.count_nonzero(part(batch)) for batch in taken)
        assert real / sum(part(batch).size for batch in taken) > 0.9


def test_once_has_every_pair_once_in_a_fixed_order(pairs):
    batches = make_batches(pairs)
    assert int(batches.once().cardinality()) == batches.steps_per_epoch
    assert int(batches.stream().cardinality()) == tf.data.INFINITE_CARDINALITY
    taken = take(batches.once(), 100)
    assert_equal(taken, take(make_batches(pairs, seed=9).once(), 100))
    assert Counter(itertools.chain(*map(texts, taken))) == Counter(pairs)
    widths = [batch[0][0].shape[1] for batch in taken]
    assert widths == sorted(widths)


def test_long_pairs_are_dropped_counted_and_logged(caplog):
    pairs = [("1", "2"), ("1111", "2"), ("1", "2222"), ("1111", "2222"), ("111", "222")]
    with caplog.at_level(logging.WARNING):
        batches = make_batches(pairs, max_source_length=4, max_target_length=4)
    assert batches.dropped == 3
    assert Counter(itertools.chain(*map(texts, take(batches.once(), 9)))) == Counter(
        [("1", "2"), ("111", "222")]
    )
    assert [record.getMessage() for record in caplog.records] == [
        "dropped 3 of 5 pairs: 2 sources over 4 tokens, 2 targets over 4 tokens"
    ]


def test_nothing_is_logged_if_no_pair_is_dropped(pairs, caplog):
    assert make_batches(pairs).dropped == 0
    assert not caplog.records


def test_pairs_can_be_any_iterable(pairs):
    from_list = take(make_batches(pairs).stream(), 5)
    from_generator = take(make_batches(iter(pairs)).stream(), 5)
    assert_equal(from_list, from_generator)


def test_it_is_an_error_if_no_pair_is_within_the_limits():
    with pytest.raises(InputError, match="Expected at least one pair"):
        make_batches([])
    with pytest.raises(InputError, match="No pair is within the length limits: dropped 1 of"):
        make_batches([("1111", "2")], max_source_length=2)


def test_an_empty_text_has_only_an_end_token():
    (((source_ids, target_in), target_out),) = take(make_batches([("", "")]).once(), 2)
    assert source_ids.tolist() == target_out.tolist() == [[END_ID]]
    assert target_in.tolist() == [[START_ID]]


@pytest.mark.parametrize(
    "setting",
    ["batch_size", "max_source_length", "max_target_length", "bucket_width", "row_multiple"],
)
def test_a_size_of_zero_is_an_error(setting):
    with pytest.raises(ValueError, match=f"`{setting}` must be at least 1. Received: {setting}=0."):
        make_batches([("1", "2")], **{setting: 0})


def test_a_negative_number_is_an_error(pairs):
    for setting in ("seed", "batch_tokens"):
        with pytest.raises(ValueError, match=f"`{setting}` must be at least 0"):
            make_batches(pairs, **{setting: -1})
    with pytest.raises(ValueError, match="`first_step` must be at least 0. Received:.*-1."):
        make_batches(pairs).stream(-1)


@pytest.mark.parametrize("settings", [{"batch_size": 10}, {"batch_tokens": 200}])
def test_there_are_few_fixed_shapes_and_they_hold_the_same_pairs(pairs, settings):
    options = {**settings, "bucket_width": 2}
    plain, fixed = (make_batches(pairs, fixed_shapes=fixed, **options) for fixed in (False, True))
    steps = 3 * plain.steps_per_epoch
    shapes = [Counter() for _ in "pf"]
    for batches in zip(take(plain.stream(), steps), take(fixed.stream(), steps), strict=True):
        for count, ((source, _), target) in zip(shapes, batches, strict=True):
            count[source.shape, target.shape] += 1
        (plain_source, _), plain_target = batches[0]
        (source, target_in), target = batches[1]
        rows, length = plain_source.shape
        np.testing.assert_array_equal(source[:rows, :length], plain_source)
        np.testing.assert_array_equal(target[:rows, : plain_target.shape[1]], plain_target)
        assert not source[:rows, length:].any() and not target[rows:].any()
        assert not target_in[rows:].any() and source[:, 0].all()
        assert source.shape[1] % 8 == target.shape[1] % 8 == 0
    assert len(shapes[1]) <= 8 < len(shapes[0])


@pytest.mark.parametrize("fixed", [False, True])
def test_devices_can_divide_the_rows_of_every_batch(pairs, fixed):
    plain, divisible = (
        make_batches(pairs, batch_size=10, fixed_shapes=fixed, row_multiple=multiple)
        for multiple in (1, 4)
    )
    steps = plain.steps_per_epoch
    for before, after in zip(
        take(plain.stream(), steps), take(divisible.stream(), steps), strict=True
    ):
        count = len(before[1])
        assert len(after[1]) == -(-count // 4) * 4
        np.testing.assert_array_equal(after[1][:count], before[1])
        assert not after[1][count:].any()


def test_rows_that_are_added_for_fixed_shapes_do_not_change_the_loss(pairs):
    model = Seq2Seq(50, 50, units=8, embedding=4, attention=BahdanauAttention(4))
    model.compile("sgd", MaskedCrossentropy())
    (one,), (other,) = (
        take(make_batches(pairs[:7], fixed_shapes=fixed, batch_size=4).stream(1), 1)
        for fixed in (False, True)
    )
    assert one[1].shape != other[1].shape
    losses = [model.test_on_batch(*batch) for batch in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
