from types import SimpleNamespace

import numpy as np
import pytest
import reference
from decoding_models import (
    MAX_LENGTH,
    SETTINGS,
    SOURCE,
    SPECIAL,
    Markov,
    beam,
    found,
    found_once,
    greedy,
    possible,
    seeded,
    seeded_log_probs,
    teacher_forced,
    unpadded,
)
from support import cases, tensorflow_only, to_numpy

from keras_attention.decoding import beam_search as module
from keras_attention.decoding.hypotheses import IMPOSSIBLE, map_tensors
from keras_attention.decoding.sampling import sample_search
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

# The number of possible hypotheses: 1 + 3 + 9 + 27 end within four tokens, and 81 are cut off.
EVERY = 121


@cases("seed", [0, 1, 2], elsewhere=[1])
@pytest.mark.parametrize("name, penalty", [("before", 0.0), ("before", 3.0), ("coverage", 0.6)])
def test_a_wide_beam_equals_brute_force(name, seed, penalty):
    """The beam is wide enough for all hypotheses, so the n-best list contains every output."""
    model = seeded(name, seed)
    hypotheses = found(beam, model, SOURCE, beam_width=EVERY + 4, length_penalty=penalty)
    for row, log_probs in enumerate(seeded_log_probs(name, seed)):
        everything = reference.all_hypotheses(log_probs, MAX_LENGTH, **SPECIAL)
        assert len(everything) == EVERY
        best = max(everything, key=lambda hypothesis: reference.ranking(hypothesis, penalty))
        actual = possible(hypotheses, row)
        assert actual[0][0] == best[0]
        assert len(actual) == EVERY
        assert dict(actual) == pytest.approx(dict(everything), abs=2e-4)
        rankings = [reference.ranking(hypothesis, penalty) for hypothesis in actual]
        assert (np.diff(rankings) < 1e-4).all()
    assert (hypotheses.scores[:, EVERY:] < IMPOSSIBLE / 2).all()


@cases(
    "name, width, penalty",
    [
        ("before", 2, 0.0),
        ("before", 5, 0.0),
        ("before", 5, 3.0),
        ("feeding", 3, 0.0),
        ("feeding", 2, 0.6),
        ("coverage", 3, 0.6),
        ("chunkwise", 3, 0.0),
        ("none", 3, 3.0),
    ],
    elsewhere=[("before", 5, 3.0), ("feeding", 2, 0.6), ("chunkwise", 3, 0.0)],
)
def test_a_narrow_beam_equals_the_algorithm(name, width, penalty):
    for seed in range(4):
        hypotheses = found_once(beam, name, seed, beam_width=width, length_penalty=penalty)
        for row, log_probs in enumerate(seeded_log_probs(name, seed)):
            expected = reference.beam_search(log_probs, width, penalty, MAX_LENGTH, **SPECIAL)
            actual = possible(hypotheses, row)
            assert [tokens for tokens, _ in actual] == [tokens for tokens, _ in expected]
            scores = [score for _, score in expected]
            assert [score for _, score in actual] == pytest.approx(scores, abs=2e-4)


def test_the_seeds_distinguish_searches_and_penalties():
    """The tests above rely on this: beams and penalties change the results for some seed."""
    wide, penalised, narrow = [], [], []
    for seed in range(4):
        options = {"beam_width": 5, "length_penalty": 0.0}
        wide += list(found_once(beam, "before", seed, **options).tokens[:, 0])
        options["length_penalty"] = 3.0
        penalised += list(found_once(beam, "before", seed, **options).tokens[:, 0])
        narrow += list(found_once(greedy, "before", seed).tokens[:, 0])
    assert any((a != b).any() for a, b in zip(wide, narrow, strict=True))
    assert any((a != b).any() for a, b in zip(wide, penalised, strict=True))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seed", [1, 3])
def test_alignments_of_every_hypothesis_belong_to_its_tokens(name, seed):
    """Beams are reordered at every step; this fails if alignments are not reordered with them."""
    model = seeded(name, seed)
    tokens, scores, alignments = found(beam, model, SOURCE, beam_width=5)
    assert (scores > IMPOSSIBLE / 2).all()
    for row, source in enumerate(SOURCE):
        _, expected = teacher_forced(model, source, tokens[row])
        real = tokens[row] != PAD_ID
        np.testing.assert_allclose(alignments[row][real], expected[real], atol=1e-5)
        assert not alignments[row][~real].any()
    if name != "none":
        assert np.abs(alignments[:, 1:] - alignments[:, :1]).max() > 0.1


def test_states_that_do_not_follow_beams_are_detected(monkeypatch):
    """Show that the test above fails if states are not reordered with their beams."""
    model = seeded("before", 1)
    monkeypatch.setattr(
        module,
        "_reorder",
        lambda state, parents: map_tensors(lambda x: module._by_beam(x, parents.shape[1]), state),
    )
    tokens, _, alignments = to_numpy(beam(model, SOURCE, 5))
    _, expected = teacher_forced(model, SOURCE[0], tokens[0])
    real = tokens[0] != PAD_ID
    assert np.abs(alignments[0][real] - expected[real]).max() > 1e-3


@pytest.mark.parametrize("name, penalty", [("before", 3.0), ("feeding", 0.0)])
def test_rows_do_not_depend_on_the_rest_of_the_batch(name, penalty):
    model = seeded(name, 2)
    options = {"beam_width": 3, "length_penalty": penalty}
    tokens, scores, alignments = found(beam, model, SOURCE, **options)
    for row, source in enumerate(SOURCE[:2]):
        alone = found(beam, model, source[None, : np.count_nonzero(source)], **options)
        length = alone.alignments.shape[-1]
        np.testing.assert_array_equal(alone.tokens[0], tokens[row])
        np.testing.assert_allclose(alone.scores[0], scores[row], rtol=1e-5)
        np.testing.assert_allclose(alone.alignments[0], alignments[row][..., :length], atol=1e-5)


def test_options_may_be_numpy_numbers():
    model = seeded("before", 1)
    plain = found(beam, model, SOURCE, beam_width=2, length_penalty=0.5)
    other = found(beam, model, SOURCE, beam_width=np.int64(2), length_penalty=np.float64(0.5))
    np.testing.assert_array_equal(plain.tokens, other.tokens)


WIDTHS, PENALTIES = [2, 5, 1], [0.0, 3.0, 0.6]


@tensorflow_only("only TensorFlow graphs accept the beam width as a tensor")
@pytest.mark.parametrize("rows", [3, None])
def test_each_source_has_its_own_width_and_penalty(rows):
    """A served graph needs this for merged requests, whether it drops ended sources or not."""
    import tensorflow as tf

    model = seeded("before", 2)

    @tf.function(
        input_signature=[
            tf.TensorSpec((rows, None), tf.int32),
            tf.TensorSpec((rows,), tf.int32),
            tf.TensorSpec((rows,), tf.float32),
        ],
        autograph=False,
    )
    def search(source, widths, penalties):
        return beam(model, source, widths, penalties)

    merged = to_numpy(search(SOURCE, WIDTHS, PENALTIES))
    assert merged.tokens.shape == (3, 5, MAX_LENGTH)
    for row, (width, penalty) in enumerate(zip(WIDTHS, PENALTIES, strict=True)):
        alone = found(beam, model, SOURCE, beam_width=width, length_penalty=penalty)
        np.testing.assert_array_equal(merged.tokens[row, :width], alone.tokens[row])
        np.testing.assert_allclose(merged.scores[row, :width], alone.scores[row], rtol=1e-5)
        np.testing.assert_allclose(merged.alignments[row, :width], alone.alignments[row], atol=1e-5)
        assert (merged.scores[row, width:] < IMPOSSIBLE / 2).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_beam_of_one_equals_greedy(name):
    for seed in range(3):
        greedily = found_once(greedy, name, seed)
        one = found_once(beam, name, seed, beam_width=1)
        np.testing.assert_array_equal(one.tokens, greedily.tokens)
        np.testing.assert_allclose(one.scores, greedily.scores, rtol=1e-5)
        np.testing.assert_allclose(one.alignments, greedily.alignments, atol=1e-6)


def test_hypotheses_end_with_the_end_token_and_padding():
    tokens, _, _ = found(beam, seeded("before", 1), SOURCE, beam_width=5)
    assert not (tokens == START_ID).any()
    lengths = [len(unpadded(ids)) for ids in tokens.reshape(-1, MAX_LENGTH)]
    assert len(set(lengths)) > 1
    for ids, length in zip(tokens.reshape(-1, MAX_LENGTH), lengths, strict=True):
        assert (ids[:length] != PAD_ID).all() and not ids[length:].any()


def test_beam_search_finds_what_greedy_search_misses():
    tokens, scores, _ = to_numpy(beam(Markov(), SOURCE, 2, max_length=5))
    assert tokens[0].tolist() == [[5, END_ID, 0, 0, 0], [4, 5, END_ID, 0, 0]]
    np.testing.assert_allclose(scores[0], np.log([0.3 * 0.95, 0.5 * 0.4 * 0.95]), rtol=1e-5)


def test_a_length_penalty_prefers_the_longer_output():
    search = Markov(), SOURCE, 2
    tokens, scores, _ = to_numpy(beam(*search, length_penalty=4.0, max_length=5))
    assert tokens[0, 0].tolist() == [4, 5, END_ID, 0, 0]
    # The penalty changes only the ranking; the score is still the log-probability.
    assert scores[0, 0] == pytest.approx(np.log(0.5 * 0.4 * 0.95), rel=1e-5)


@tensorflow_only("JAX traces the body of a loop only once")
def test_search_stops_when_every_hypothesis_has_ended():
    model = Markov()
    tokens, _, _ = to_numpy(beam(model, SOURCE, 2, max_length=50))
    assert tokens.shape == (3, 2, 50)
    assert model.steps == 3


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_hypotheses_below_one_is_refused(number):
    memory = SimpleNamespace(mask=np.ones((1, 2)))
    with pytest.raises(ValueError, match=f"`beam_width` must be a positive .*={number}"):
        module.beam_search(None, None, memory, beam_width=number, max_length=3)
    with pytest.raises(ValueError, match=f"`samples` must be a positive .*={number}"):
        sample_search(None, None, memory, samples=number, max_length=3)
