"""Searches over sparse distributions equal the reference, and find only possible outputs."""

import itertools

import numpy as np
import pytest
import reference
from decoding_models import (
    MAX_LENGTH,
    SOURCE,
    SPECIAL,
    VOCABULARY,
    WORDS,
    beam,
    possible,
    searcher,
    seeded,
)
from option_reference import STEPS, TableModel, distribution, likely
from reference import by_bisection
from support import cases, evaluated, to_numpy
from test_options import BEAMS, CONSTRAINTS, PREFIX, SEEDS, assert_equals_reference, run

from keras_attention import Ensemble, search
from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.models.short_listed import ShortListed
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

SHAPES = {"sparsemax": (1.0, 1.0), "entmax15": (0.5, 2.0)}


def make(name, seed, mapping):
    """Return a model that gives padding and the start token the probability 0."""
    model = seeded(name, seed, scale=0.9, output_mapping=mapping)
    ids = np.arange(VOCABULARY)
    model.output_projection.bias.assign_sub(np.where(ids <= START_ID, 50.0, 0.0))
    return model


def log_probs_after(model, source, mapping):
    """Return a function from prefixes to log-probabilities `[V]`, found by bisection in NumPy."""
    targets = list(itertools.product(WORDS, repeat=MAX_LENGTH - 1))
    target_in = np.array([[START_ID, *target] for target in targets], "int32")
    logits = to_numpy(evaluated(model, model)((np.tile(source, (len(targets), 1)), target_in)))
    table = {}
    for row, target in enumerate(targets):
        for t in range(MAX_LENGTH):
            probabilities = by_bisection(logits[row, t], *SHAPES[mapping])
            table[target[:t]] = np.log(
                np.maximum(probabilities, 1e-300)
            )  # the logarithm of 0 becomes -690
    return table.__getitem__


@cases("mapping", SHAPES, elsewhere=["entmax15"])
def test_a_wide_beam_finds_exactly_the_possible_outputs(mapping):
    model = make("after", 0, mapping)  # there are 121 outputs, some with probability 0
    hypotheses, most = to_numpy(searcher(beam, model, beam_width=130)(SOURCE)), 1
    for row, source in enumerate(SOURCE):
        after = log_probs_after(model, source, mapping)
        every = reference.all_hypotheses(after, MAX_LENGTH, **SPECIAL)
        expected = {tokens: score for tokens, score in every if likely(score)}
        actual = possible(hypotheses, row)
        assert dict(actual) == pytest.approx(expected, abs=1e-3)
        assert len(actual) == len(expected) < 121
        most = max(most, len(actual))
        assert sum(np.exp(score) for _, score in actual) == pytest.approx(1, abs=1e-4)
        assert (hypotheses.scores[row, len(actual) :] == IMPOSSIBLE).all()
    assert most > 1


@cases("width", [1, 2], elsewhere=[2])
def test_greedy_search_and_narrow_beams_equal_the_reference(width):
    model = make("feeding", 1, "entmax15")
    hypotheses = to_numpy(search(model, SOURCE, max_length=MAX_LENGTH, beam_width=width))
    for row, source in enumerate(SOURCE):
        after = log_probs_after(model, source, "entmax15")
        expected = reference.beam_search(after, width, 0.0, MAX_LENGTH, **SPECIAL)
        expected = [(tokens, score) for tokens, score in expected if likely(score)]
        actual = possible(hypotheses, row)
        assert [tokens for tokens, _ in actual] == [tokens for tokens, _ in expected]
        scores = [score for _, score in expected]
        assert [score for _, score in actual] == pytest.approx(scores, abs=1e-3)


@cases("mapping", SHAPES, elsewhere=["sparsemax"])
@cases("width", [1, 4], elsewhere=[4])
def test_constraints_equal_the_reference(mapping, width):
    for options in CONSTRAINTS.values():
        assert_equals_reference(1, beam_width=width, mapping=mapping, **options)


@cases("name", BEAMS, elsewhere=["coverage"])
def test_ranking_of_beams_equals_the_reference(name):
    assert_equals_reference(*SEEDS, mapping="sparsemax", **{"beam_width": 4, **BEAMS[name]})


@pytest.mark.parametrize("width", [1, 3])
def test_hypotheses_begin_with_the_prefix_even_if_its_probability_is_0(width):
    tokens, scores, _ = assert_equals_reference(
        *SEEDS, prefix=PREFIX, beam_width=width, mapping="sparsemax"
    )
    assert (tokens[0::3, 0, :2] == PREFIX[0]).all() and (tokens[1::3, 0, 0] == 5).all()
    assert (scores[:, 0] > IMPOSSIBLE / 2).all()
    assert (scores[:, 0] < -300).any()  # at least one prefix had probability 0


def test_a_minimum_length_overrides_a_certain_end():
    """The end token has probability 1, so every longer output has probability 0."""
    tokens, scores, _ = run(0, min_length=4, end=50.0, mapping="sparsemax", beam_width=2)
    assert (tokens[:, 0, 3] == END_ID).all() and (tokens[:, 0, :3] > END_ID).all()
    assert (scores[:, 0] < -900).all() and (scores[:, 0] > IMPOSSIBLE / 2).all()


def test_a_search_ends_when_all_possible_hypotheses_have_ended():
    steps, model = [], TableModel(0, end=50.0, mapping="sparsemax")
    step = model.step

    def counted(*arguments):
        steps.append(None)
        return step(*arguments)

    model.step = counted
    hypotheses = to_numpy(search(model, SOURCE, max_length=STEPS, beam_width=4))
    assert len(steps) < STEPS
    for row in range(len(SOURCE)):
        assert possible(hypotheses, row) == [((END_ID,), pytest.approx(0, abs=1e-6))]


@pytest.mark.parametrize(
    "options", [{"temperature": 1e5}, {"top_p": 0.9, "top_k": 3, "min_length": 3}]
)
def test_no_sample_contains_a_token_with_probability_0(options):
    drawn = run(3, mapping="entmax15", beam_width=500, sample=True, seed=7, **options)
    model, count = TableModel(3, mapping="entmax15"), 0
    for row in range(len(SOURCE)):
        expected = distribution(model, row, options)
        found = {tokens for tokens, _ in possible(drawn, row)}
        assert found <= expected.keys()
        count += len(found)
    assert count > len(SOURCE)


def test_an_ensemble_averages_sparse_and_dense_probabilities():
    members = [
        seeded("before", 0, output_mapping="sparsemax"),
        seeded("feeding", 1, output_mapping="entmax15"),
        seeded("none", 2),
    ]
    target = np.array([[START_ID, 4, 5]] * len(SOURCE))
    softmax = to_numpy(members[2]((SOURCE, target))).astype("float64")
    softmax = np.exp(softmax) / np.exp(softmax).sum(-1, keepdims=True)
    sparse = [
        np.apply_along_axis(by_bisection, -1, to_numpy(model((SOURCE, target))), *SHAPES[mapping])
        for model, mapping in zip(members, SHAPES, strict=False)
    ]
    for chosen, expected in ((members, [*sparse, softmax]), (members[:2], sparse)):
        logs, _ = to_numpy(Ensemble(chosen).teacher_forced(SOURCE, target))
        mean = np.mean(expected, axis=0)
        np.testing.assert_allclose(np.exp(logs), mean, atol=1e-5)
        assert np.isfinite(logs).all() and (logs[mean == 0] < -300).all()


def test_a_short_list_with_all_possible_tokens_changes_nothing():
    model = seeded("after", 4, output_mapping="sparsemax")
    tokens = np.full(len(SOURCE), START_ID)
    memory, state = model.encode(SOURCE)
    logs = to_numpy(model.step(tokens, state, memory)[0])
    allowed = np.flatnonzero((logs > -150).any(0) | (np.arange(logs.shape[1]) <= START_ID))
    assert len(allowed) < logs.shape[1]
    listed = ShortListed(model, allowed)
    memory, state = listed.encode(SOURCE)
    found = to_numpy(listed.step(tokens, state, memory)[0])
    np.testing.assert_allclose(found, logs[:, allowed], rtol=1e-4, atol=1e-4)
    assert PAD_ID in allowed
