import dataclasses
import functools
from collections import Counter

import numpy as np
import option_reference as reference
import pytest
from decoding_models import possible
from option_reference import SOURCE, STEPS, TableModel
from support import cases, tensorflow_only, to_numpy

from keras_attention import search
from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.decoding.options import (
    MOST_COVERAGE_PENALTY,
    MOST_DIVERSITY,
    MOST_LENGTH_PENALTY,
    MOST_REPETITION_PENALTY,
    SearchOptions,
)
from keras_attention.special_tokens import END_ID, PAD_ID

SEEDS = range(3)
PREFIX = np.array([[4, 3], [5, 0], [0, 0]], "int32")


def split(options):
    """Split `options` into the arguments of a `TableModel` and the options of the search."""
    own = ("end", "word", "mapping")
    biases = {name: value for name, value in options.items() if name in own}
    return biases, {name: value for name, value in options.items() if name not in biases}


def run(number, prefix=None, source=SOURCE, /, **options):
    """Return the hypotheses of the model with the seed `number`."""
    biases, options = split(options)
    model = TableModel(number, **biases)
    return to_numpy(search(model, source, max_length=STEPS, prefix=prefix, **options))


def run_seeds(seeds, prefix=None, **options):
    """Return the hypotheses of `SOURCE` for each seed, from a single search."""
    biases, options = split(options)
    model = TableModel(*seeds, **biases)
    return to_numpy(search(model, model.source, max_length=STEPS, prefix=prefix, **options))


@functools.cache
def free_tokens(beam_width, **biases):
    """Return the outputs of `SEEDS` without options. Search only once per process."""
    return run_seeds(SEEDS, beam_width=beam_width, **biases).tokens


def assert_equals_reference(*seeds, prefix=None, **options):
    if prefix is not None:
        prefix = np.tile(prefix, (len(seeds), 1))
    hypotheses = run_seeds(seeds, prefix, **options)
    biases, options = split({"beam_width": 1, **options})
    model = TableModel(*seeds, **biases)
    for row in range(len(model.source)):
        begin = () if prefix is None else tuple(int(token) for token in prefix[row])
        expected = reference.beam_search(model, row, options, begin)
        actual = possible(hypotheses, row)
        assert [tokens for tokens, _ in actual] == [tokens for tokens, _ in expected]
        scores = [score for _, score in expected]
        assert [score for _, score in actual] == pytest.approx(scores, abs=1e-4)
    return hypotheses


def assert_option_changes_results(**options):
    """Check that search equals the reference, and that the options change some seed's result."""
    biases, _ = split(options)
    hypotheses = assert_equals_reference(*SEEDS, **options)
    assert (hypotheses.tokens != free_tokens(options["beam_width"], **biases)).any()


# The constraints that every search accepts, with values that change the results.
CONSTRAINTS = {
    "min_length": {"min_length": 4, "end": 2.0},
    "the longest": {"min_length": STEPS, "end": 2.0},
    "no word twice": {"no_repeat_ngram": 1},
    "no pair twice": {"no_repeat_ngram": 2, "end": -3.0},
    "no triple twice": {"no_repeat_ngram": 3, "end": -6.0, "word": 3.0},
    "repetition": {"repetition_penalty": 2.5, "end": -1.0},
    "stuck": {"no_repeat_ngram": 1, "min_length": STEPS},
    "all": {"min_length": 3, "no_repeat_ngram": 2, "repetition_penalty": 1.3, "end": -1.0},
}
BEAMS = {
    "coverage": {"coverage_penalty": 0.8},
    "both penalties": {"coverage_penalty": 0.5, "length_penalty": 1.5},
    "penalised repetition": {"repetition_penalty": 2.0, "length_penalty": 1.0, "end": -1.0},
    "groups": {"beam_width": 4, "groups": 2},
    "diverse pairs": {"beam_width": 4, "groups": 2, "group_diversity": 1.5},
    "diverse singles": {"beam_width": 3, "groups": 3, "group_diversity": 0.7},
    "diverse and all": {
        "beam_width": 6,
        "groups": 3,
        "group_diversity": 1.0,
        "coverage_penalty": 0.4,
        "length_penalty": 0.8,
        **CONSTRAINTS["all"],
    },
}


@cases("name", CONSTRAINTS, elsewhere=["min_length", "no triple twice", "all"])
@cases("width", [1, 4], elsewhere=[4])
def test_constraints_equal_the_reference(name, width):
    assert_option_changes_results(beam_width=width, **CONSTRAINTS[name])


@cases("name", BEAMS, elsewhere=["diverse and all"])
def test_ranking_of_beams_equals_the_reference(name):
    assert_option_changes_results(**{"beam_width": 4, **BEAMS[name]})


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("extra", [{}, {"min_length": 4, "no_repeat_ngram": 1}])
def test_hypotheses_begin_with_the_prefix(width, extra):
    tokens, _, _ = assert_equals_reference(*SEEDS, prefix=PREFIX, beam_width=width, **extra)
    assert (tokens[0::3, :, :2] == PREFIX[0]).all() and (tokens[1::3, :, 0] == 5).all()


def test_a_prefix_overrides_every_other_option():
    """The prefixes repeat a word, fill the whole output, or end too early."""
    prefix = np.array([[4, 4, 4, 4, 4, 4], [4, 5, END_ID, 0, 0, 0], [0, 4, 0, 4, 0, 4]], "int32")
    options = {"no_repeat_ngram": 1, "min_length": 5, "repetition_penalty": 2.0}
    tokens, _, _ = assert_equals_reference(0, prefix=prefix, beam_width=3, **options)
    assert tokens[0, 0].tolist() == [4] * STEPS
    assert tokens[1, 0].tolist() == [4, 5, END_ID, 0, 0, 0]


def test_an_empty_prefix_does_not_change_the_results():
    expected = run(1, beam_width=3)
    actual = run(1, np.zeros((3, 0), "int32"), beam_width=3)
    np.testing.assert_array_equal(actual.tokens, expected.tokens)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("sample", [False, True])
def test_scores_are_sums_of_the_models_log_probabilities(width, sample):
    model, options = TableModel(2), {"repetition_penalty": 3.0, "min_length": 3}
    tokens, scores, alignments = run(2, beam_width=width, sample=sample, **options)
    for row, k in np.ndindex(scores.shape):
        generated = tuple(int(token) for token in tokens[row, k] if token != PAD_ID)
        steps = [model.after(row, generated[:t]) for t in range(len(generated))]
        score = sum(
            log_probs[token] for (log_probs, _), token in zip(steps, generated, strict=True)
        )
        assert scores[row, k] == pytest.approx(score, abs=1e-4)
        expected = [weights for _, weights in steps]
        np.testing.assert_allclose(alignments[row, k, : len(generated)], expected, atol=1e-5)
        assert not alignments[row, k, len(generated) :].any()


SAMPLING = {
    "plain": {},
    "warm": {"temperature": 1.7},
    "cold": {"temperature": 0.4},
    "top_k": {"top_k": 2},
    "top_p": {"top_p": 0.7},
    "all": {"top_k": 3, "top_p": 0.9, "temperature": 1.3, **CONSTRAINTS["all"]},
    "wide": {"top_k": 50, "top_p": 1.0, "min_length": 2},
}


@pytest.mark.parametrize("name", SAMPLING)
def test_samples_follow_the_distribution(name):
    draws, settings = 4000, {"end": 1.5, **SAMPLING[name]}
    prefix = PREFIX if name == "all" else None
    drawn = run(3, prefix, beam_width=draws, sample=True, seed=7, **settings)
    biases, options = split(settings)
    model = TableModel(3, **biases)
    for row in range(len(SOURCE)):
        begin = () if prefix is None else tuple(PREFIX[row])
        expected = reference.distribution(model, row, options, begin)
        assert sum(expected.values()) == pytest.approx(1)
        assert {tokens for tokens, _ in possible(drawn, row)} <= expected.keys()
        counts = Counter(tokens for tokens, _ in possible(drawn, row))
        assert counts.total() == draws
        assert_drawn_from(expected, counts)


def assert_drawn_from(expected, counts):
    """Run Pearson's chi-squared test; rare outputs are pooled into cells of at least ten draws."""
    draws, cells, pooled = counts.total(), [], np.zeros(2)
    for tokens, share in sorted(expected.items(), key=lambda item: item[1]):
        pooled += counts[tokens], draws * share
        if pooled[1] >= 10:
            cells.append(pooled)
            pooled = np.zeros(2)
    observed, due = np.transpose([*cells[:-1], cells[-1] + pooled])
    statistic, freedom = ((observed - due) ** 2 / due).sum(), max(len(due) - 1, 1)
    # Correct draws exceed this limit once in thirty thousand tests (Wilson and Hilferty 1931).
    limit = freedom * (1 - 2 / (9 * freedom) + 4 * np.sqrt(2 / (9 * freedom))) ** 3
    assert statistic <= limit


def test_samples_are_independent_of_each_other():
    """Check that neighbouring samples are equal as often as two independent draws."""
    drawn = possible(run(3, end=1.5, beam_width=4000, sample=True, seed=1), 0)
    expected = sum(p**2 for p in reference.distribution(TableModel(3, end=1.5), 0, {}).values())
    first, second = drawn[::2], drawn[1::2]
    share = np.mean([a[0] == b[0] for a, b in zip(first, second, strict=True)])
    assert share == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / 2000))


def test_the_seed_determines_all_draws():
    options = {"beam_width": 8, "sample": True}
    first, again, other = (run(0, seed=seed, **options) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.tokens, again.tokens)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert (first.tokens != other.tokens).any()


def test_a_seed_generator_draws_new_samples():
    import keras

    generator = keras.random.SeedGenerator(5)
    first, again = (run(0, seed=generator, beam_width=8, sample=True) for _ in range(2))
    assert (first.tokens != again.tokens).any()


@pytest.mark.parametrize(
    "options", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-3}, {"temperature": 1e-6}]
)
def test_sampling_only_the_most_likely_token_equals_greedy_search(options):
    sampled, greedy = run(1, sample=True, beam_width=2, **options), run(1)
    for k in range(2):
        np.testing.assert_array_equal(sampled.tokens[:, k], greedy.tokens[:, 0])
        np.testing.assert_allclose(sampled.scores[:, k], greedy.scores[:, 0], rtol=1e-5)


def test_forbidden_tokens_are_not_drawn_at_any_temperature():
    drawn = run(3, end=1.5, beam_width=200, sample=True, temperature=1e30, min_length=2)
    assert (drawn.scores > IMPOSSIBLE / 2).all()
    assert (drawn.tokens[..., 0] > END_ID).all()


def test_groups_find_different_hypotheses():
    diverse = run(0, beam_width=3, groups=3, group_diversity=20.0).tokens
    assert all(len(set(row[:, 0])) == 3 for row in diverse)


@tensorflow_only("only TensorFlow graphs accept any batch size and length")
@pytest.mark.parametrize("options", [BEAMS["diverse and all"], SAMPLING["all"]])
def test_one_graph_accepts_every_batch_size_and_prefix(options):
    import tensorflow as tf

    _, options = split({"sample": "temperature" in options, "beam_width": 3, **options})
    model, traces = TableModel(0), []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2, autograph=False)
    def graph(source, prefix):
        traces.append(prefix.shape)
        return search(model, source, max_length=STEPS, prefix=prefix, **options)

    for rows, steps in ((3, 2), (1, 0), (2, 1)):
        source, prefix = SOURCE[:rows], PREFIX[:rows, :steps]
        expected = run(0, prefix, source, **options)
        actual = to_numpy(graph(source, prefix))
        np.testing.assert_array_equal(actual.tokens, expected.tokens)
        np.testing.assert_allclose(actual.scores, expected.scores, rtol=1e-5)
    assert len(traces) == 1


def test_overrides_replace_options():
    options = SearchOptions(max_length=STEPS, beam_width=4, length_penalty=1.0, min_length=2)
    model, expected = TableModel(1), run(1, beam_width=4, length_penalty=1.0)
    actual = to_numpy(search(model, SOURCE, options, min_length=0))
    np.testing.assert_array_equal(actual.tokens, expected.tokens)
    assert actual.tokens.shape == (3, 4, STEPS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.beam_width = 2
    with pytest.raises(TypeError, match="max_length"):
        search(model, SOURCE)
    with pytest.raises(TypeError, match="beam_widht"):
        search(model, SOURCE, options, beam_widht=2)


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"max_length": 2.5},
            "`max_length` must be an integer of at least 1 and at most 65536. Received: max_length="
            "2.5.",
        ),
        ({"max_length": 0}, "`max_length` must be an integer of at least 1 and at most 65536."),
        (
            {"beam_width": True},
            "`beam_width` must be an integer of at least 1 and at most 10000. Received: beam_width="
            "True.",
        ),
        ({"min_length": -1}, "`min_length` must be an integer of at least 0 and at most 65536."),
        (
            {"min_length": 9},
            "`min_length` must not be above `max_length`. Received: min_length=9, max_length=8.",
        ),
        (
            {"length_penalty": float("nan")},
            "`length_penalty` must be a finite number of at least 0",
        ),
        ({"coverage_penalty": -0.1}, "`coverage_penalty` must be a finite number of at least 0"),
        ({"repetition_penalty": 0.9}, "`repetition_penalty` must be a finite number of at least 1"),
        ({"repetition_penalty": "1"}, "`repetition_penalty` must be a finite number of at least 1"),
        ({"length_penalty": -0.1}, "`length_penalty` must be a finite number of at least 0 and"),
        (
            {"length_penalty": 8.5},
            "`length_penalty` must be a finite number of at least 0 and at most 8. Received: "
            "length_penalty=8.5.",
        ),
        (
            {"coverage_penalty": 1e300},
            "`coverage_penalty` must be a finite number of at least 0 and at most 10000. Received:",
        ),
        (
            {"repetition_penalty": 1e10},
            "`repetition_penalty` must be a finite number of at least 1 and at most 1000. Received",
        ),
        (
            {"groups": 2, "beam_width": 2, "group_diversity": 1e38},
            "`group_diversity` must be a finite number of at least 0 and at most 10000. Received: ",
        ),
        ({"sample": "no"}, "`sample` must be true or false. Received: sample='no'."),
        ({"length_penalty": 10**400}, "`length_penalty` must be a finite number of at least 0 and"),
        (
            {"beam_width": 1_000_000},
            "`beam_width` must be an integer of at least 1 and at most 10000. Received: beam_width="
            "1000000.",
        ),
        (
            {"max_length": 10**12},
            "`max_length` must be an integer of at least 1 and at most 65536.",
        ),
        (
            {"sample": True, "top_k": 10**5000},
            "`top_k` must be an integer of at least 0 and at most 2147483647. Received: top_k=an i",
        ),
        ({"no_repeat_ngram": -2}, "`no_repeat_ngram` must be an integer of at least 0 and at most"),
        (
            {"beam_width": 4, "groups": 3},
            "`groups` must be positive and divide `beam_width`. Received: groups=3, beam_width=4.",
        ),
        ({"groups": 0}, "`groups` must be an integer of at least 1 and at most 10000."),
        (
            {"group_diversity": 0.5},
            "`group_diversity` requires at least two `groups`. Received: group_diversity=0.5, "
            "groups=1.",
        ),
        (
            {"sample": True, "temperature": 0.0},
            "`temperature` must be a finite number of at least ",
        ),
        (
            {"sample": True, "temperature": 1e-40},
            "`temperature` must be a finite number of at least 1e-06. Received: temperature=1e-40.",
        ),
        ({"sample": True, "top_k": -1}, "`top_k` must be an integer of at least 0. Received: top"),
        ({"sample": True, "top_p": 0.0}, "`top_p` must be a finite number above 0 and at most 1."),
        ({"sample": True, "top_p": 1.1}, "`top_p` must be a finite number above 0 and at most 1."),
        (
            {"sample": True, "seed": "x"},
            "`seed` must be an integer of at least 0. Received: seed='x",
        ),
        (
            {"sample": True, "seed": 2**31},
            "`seed` must be an integer of at least 0 and at most 2147",
        ),
        ({"top_k": 3}, "`top_k` requires `sample`. Received: top_k=3."),
        ({"top_p": 0.5}, "`top_p` requires `sample`. Received: top_p=0.5."),
        ({"temperature": 2.0}, "`temperature` requires `sample`. Received: temperature=2.0."),
        ({"seed": 3}, "`seed` requires `sample`. Received: seed=3."),
        (
            {"sample": True, "beam_width": 4, "groups": 2},
            "`groups` must be 1 with `sample`. Received: groups=2.",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        SearchOptions(**{"max_length": 8, **options})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "largest",
    [
        {"length_penalty": MOST_LENGTH_PENALTY},
        {"coverage_penalty": MOST_COVERAGE_PENALTY},
        {"repetition_penalty": MOST_REPETITION_PENALTY},
        {"groups": 2, "group_diversity": MOST_DIVERSITY},
    ],
    ids=lambda options: list(options)[-1],
)
def test_the_largest_option_values_keep_every_hypothesis_possible(largest):
    plain, found = (to_numpy(run(1, beam_width=4, **options)) for options in ({}, largest))
    assert (plain.scores > IMPOSSIBLE / 2).all()
    assert (found.scores > IMPOSSIBLE / 2).all()


@pytest.mark.parametrize("source", [[4, 5, 2], [[[4, 2]]], np.zeros((2, 0), "int32")])
def test_a_source_must_be_a_matrix(source):
    with pytest.raises(ValueError, match="^`source` must be ids .B, S., with S of at least 1"):
        search(TableModel(1), source, max_length=2)


@pytest.mark.parametrize(
    "prefix, message",
    [
        (np.zeros((3, STEPS + 1), "int32"), "`prefix` must not be longer than `max_length`"),
        (
            np.zeros((2, 1), "int32"),
            r"`prefix` must be integer ids \[B, P\] with a row for each source",
        ),
        (np.zeros(3, "int32"), r"`prefix` must be integer ids \[B, P\] with a row for each source"),
        (
            np.zeros((3, 1), "float32"),
            r"`prefix` must be integer ids \[B, P\] with a row for each source",
        ),
    ],
)
def test_a_prefix_of_wrong_shape_or_type_is_refused(prefix, message):
    with pytest.raises(ValueError, match=message):
        run(0, prefix)
