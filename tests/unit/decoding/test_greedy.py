import numpy as np
import pytest
import reference
from decoding_models import (
    MAX_LENGTH,
    SETTINGS,
    SOURCE,
    SPECIAL,
    Markov,
    found,
    greedy,
    possible,
    seeded,
    seeded_log_probs,
    teacher_forced,
)
from support import cases, tensorflow_only, to_numpy

from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

every_model = pytest.mark.parametrize("name", SETTINGS)


@every_model
@cases("seed", [0, 1, 2], elsewhere=[1])
def test_greedy_search_equals_an_argmax_at_each_step(name, seed):
    model = seeded(name, seed)
    hypotheses = found(greedy, model, SOURCE)
    for row, log_probs in enumerate(seeded_log_probs(name, seed)):
        expected = reference.greedy(log_probs, MAX_LENGTH, **SPECIAL)
        ((tokens, score),) = possible(hypotheses, row)
        assert tokens == expected[0]
        assert score == pytest.approx(expected[1], abs=1e-4)


def test_seeds_cover_ended_and_cut_hypotheses():
    """The test above relies on this: it must see both kinds of hypotheses."""
    tokens = np.concatenate([found(greedy, seeded("before", seed), SOURCE)[0] for seed in range(3)])
    ended = (tokens == END_ID).any(-1)
    assert ended.any() and not ended.all()


@every_model
def test_alignments_belong_to_the_tokens(name):
    model = seeded(name, 1)
    tokens, _, alignments = found(greedy, model, SOURCE)
    for row, source in enumerate(SOURCE):
        _, expected = teacher_forced(model, source, tokens[row])
        real = tokens[row, 0] != PAD_ID
        np.testing.assert_allclose(alignments[row, 0][real], expected[0][real], atol=1e-5)
        assert not alignments[row, 0][~real].any()
    assert alignments.any() == (name != "none")


def test_rows_do_not_depend_on_the_rest_of_the_batch():
    model = seeded("before", 1)
    tokens, scores, alignments = found(greedy, model, SOURCE)
    for row, source in enumerate(SOURCE[:2]):
        alone = found(greedy, model, source[None, : np.count_nonzero(source)])
        length = alone[2].shape[-1]
        np.testing.assert_array_equal(alone[0][0], tokens[row])
        np.testing.assert_allclose(alone[1][0], scores[row], rtol=1e-5)
        np.testing.assert_allclose(alone[2][0], alignments[row][..., :length], atol=1e-5)
        assert not alignments[row][..., length:].any()


def test_padding_and_start_are_never_generated():
    model = seeded("after", 0)
    bias = to_numpy(model.output_projection.bias.value)
    bias[[PAD_ID, START_ID]] = 50
    model.output_projection.bias.assign(bias)
    tokens, _, _ = found(greedy, model, SOURCE)
    ended = np.cumsum(tokens == END_ID, axis=-1) - (tokens == END_ID) > 0
    assert not (tokens == START_ID).any()
    np.testing.assert_array_equal(tokens == PAD_ID, ended)


def test_scores_are_sums_of_natural_logarithms():
    hypotheses = greedy(Markov(), SOURCE, max_length=5)
    tokens, scores, _ = to_numpy(hypotheses)
    assert tokens.tolist() == [[[4, 5, END_ID, PAD_ID, PAD_ID]]] * 3
    np.testing.assert_allclose(scores, np.log(0.5 * 0.4 * 0.95), rtol=1e-5)


def test_max_length_cuts_a_hypothesis_off():
    tokens, scores, alignments = to_numpy(greedy(Markov(), SOURCE, max_length=2))
    assert tokens.tolist() == [[[4, 5]]] * 3
    np.testing.assert_allclose(scores, np.log(0.5 * 0.4), rtol=1e-5)
    assert alignments.shape == (3, 1, 2, 4)


@tensorflow_only("JAX traces the body of a loop only once")
def test_search_stops_when_every_hypothesis_has_ended():
    model = Markov()
    tokens, _, _ = to_numpy(greedy(model, SOURCE, max_length=50))
    assert tokens.shape == (3, 1, 50)
    assert model.steps == 3
