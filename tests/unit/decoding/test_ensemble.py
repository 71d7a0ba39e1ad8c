import math

import numpy as np
import pytest
import reference
from decoding_models import (
    MAX_LENGTH,
    SOURCE,
    SPECIAL,
    beam,
    greedy,
    log_probs_by_prefix,
    possible,
    seeded,
)
from reference import log_softmax
from support import assert_close, to_numpy

from keras_attention import Ensemble, Seq2Seq, search
from keras_attention.models.ensemble import _log_mean
from keras_attention.special_tokens import START_ID


@pytest.fixture(scope="module")
def members():
    """Return models of different shapes, one of them without attention."""
    return [seeded("before", 0), seeded("feeding", 1), seeded("none", 2)]


@pytest.fixture(scope="module")
def averaged(members):
    """Return, per source, a function from prefixes to the log of the mean probabilities."""

    def mean(tables):
        return lambda prefix: np.log(np.mean([np.exp(table(prefix)) for table in tables], axis=0))

    return [mean(tables) for tables in zip(*map(log_probs_by_prefix, members), strict=True)]


def test_a_step_is_the_mean_of_the_members(members):
    tokens = np.full(len(SOURCE), START_ID)
    ensemble = Ensemble(members)
    memory, state = ensemble.encode(SOURCE)
    np.testing.assert_array_equal(to_numpy(memory.mask), SOURCE != 0)
    log_probs, state, alignment = ensemble.step(tokens, state, memory)
    steps = []
    for model in members:
        own_memory, own_state = model.encode(SOURCE)
        steps.append(to_numpy(model.step(tokens, own_state, own_memory)))
    expected = np.log(np.mean([np.exp(log_softmax(logits)) for logits, _, _ in steps], axis=0))
    np.testing.assert_allclose(to_numpy(log_probs), expected, rtol=1e-4)
    np.testing.assert_allclose(
        to_numpy(alignment), np.mean([weights for _, _, weights in steps], axis=0), atol=1e-6
    )
    assert_close(state, tuple(own_state for _, own_state, _ in steps), rtol=1e-4, atol=1e-5)


def test_teacher_forced_is_the_mean_of_the_members(members):
    target = np.array([[1, 4, 5], [1, 3, 2], [1, 2, 0]], "int32")
    log_probs, alignment = to_numpy(Ensemble(members).teacher_forced(SOURCE, target))
    forced = [to_numpy(model.teacher_forced(SOURCE, target)) for model in members]
    expected = np.log(np.mean([np.exp(log_softmax(logits)) for logits, _ in forced], axis=0))
    np.testing.assert_allclose(log_probs, expected, rtol=1e-4)
    np.testing.assert_allclose(alignment, np.mean([a for _, a in forced], axis=0), atol=1e-6)


@pytest.mark.parametrize("penalty", [0.0, 0.6])
def test_a_wide_beam_equals_brute_force(members, averaged, penalty):
    hypotheses = to_numpy(beam(Ensemble(members), SOURCE, 125, length_penalty=penalty))
    for row, log_probs in enumerate(averaged):
        everything = reference.all_hypotheses(log_probs, MAX_LENGTH, **SPECIAL)
        best = max(everything, key=lambda hypothesis: reference.ranking(hypothesis, penalty))
        actual = possible(hypotheses, row)
        assert actual[0][0] == best[0]
        assert dict(actual) == pytest.approx(dict(everything), abs=2e-4)


def test_greedy_search_chooses_the_most_likely_token_of_the_mean(members, averaged):
    hypotheses = to_numpy(greedy(Ensemble(members), SOURCE))
    for row, log_probs in enumerate(averaged):
        ((tokens, score),) = possible(hypotheses, row)
        steps = [log_probs(tokens[:t]) for t in range(len(tokens))]
        for step, token in zip(steps, tokens, strict=True):
            allowed = np.delete(np.arange(len(step)), SPECIAL["forbidden"])
            assert token == allowed[step[allowed].argmax()]
        total = math.fsum(step[token] for step, token in zip(steps, tokens, strict=True))
        assert score == pytest.approx(total, abs=1e-4)


def test_models_that_read_features_search_together():
    model = Seq2Seq(None, 7, source_shape=(None, 3), units=4, embedding=3)
    features = np.random.default_rng(1).standard_normal((2, 5, 3)).astype("float32")
    found, expected = (
        search(each, features, max_length=4, beam_width=2)
        for each in (Ensemble([model] * 2), model)
    )
    np.testing.assert_array_equal(to_numpy(found.tokens), to_numpy(expected.tokens))
    np.testing.assert_allclose(to_numpy(found.scores), to_numpy(expected.scores), atol=1e-5)


def test_a_token_that_is_impossible_for_all_members_stays_impossible():
    logits = np.array([[[-np.inf, 0.0, 1.0]], [[-np.inf, 2.0, 0.0]]], "float32")
    expected = np.mean([np.exp(log_softmax(each)) for each in logits], axis=0)
    np.testing.assert_allclose(np.exp(to_numpy(_log_mean(logits))), expected, atol=1e-6)


def test_members_with_different_vocabularies_are_refused(members):
    other = Seq2Seq(7, 9, units=4, embedding=3)
    with pytest.raises(ValueError, match=r"same numbers .* Received: \(7, 6\), \(7, 9\)\."):
        Ensemble([members[0], other])
    with pytest.raises(ValueError, match="at least one model"):
        Ensemble([])
