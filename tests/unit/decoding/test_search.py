import numpy as np
import pytest
from decoding_models import MAX_LENGTH, SOURCE, beam, found, greedy, seeded
from support import normal, tensorflow_only, to_numpy

from keras_attention import Hypotheses, search


def assert_same(actual, expected):
    assert type(actual) is Hypotheses
    np.testing.assert_array_equal(actual.tokens, expected.tokens)
    np.testing.assert_allclose(actual.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(actual.alignments, expected.alignments, atol=1e-5)


def test_a_beam_width_of_one_runs_greedy_search():
    model = seeded("before", 1)
    assert_same(found(search, model, SOURCE, max_length=4), found(greedy, model, SOURCE))


def test_a_larger_beam_width_runs_beam_search():
    model = seeded("before", 1)
    options = {"beam_width": 3, "length_penalty": 3.0}
    expected = found(beam, model, SOURCE, **options)
    assert_same(found(search, model, SOURCE, max_length=4, **options), expected)


@pytest.mark.parametrize("width", [1, 3])
def test_hypotheses_have_the_documented_shapes(width):
    hypotheses = found(search, seeded("after", 1), SOURCE, max_length=MAX_LENGTH, beam_width=width)
    assert hypotheses.tokens.shape == (3, width, MAX_LENGTH)
    assert hypotheses.tokens.dtype == "int32"
    assert hypotheses.scores.shape == (3, width)
    assert hypotheses.alignments.shape == (3, width, MAX_LENGTH, 4)
    assert (hypotheses.scores <= 0).all()


def test_a_model_without_attention_has_zero_alignments():
    hypotheses = found(search, seeded("none", 1), SOURCE, max_length=3, beam_width=2)
    assert hypotheses.tokens.any() and not hypotheses.alignments.any()


@pytest.mark.parametrize("width", [1, 3])
def test_search_handles_sources_without_words(width):
    """One source is an empty text, which has only the end token, and one is a row of padding."""
    source = np.array([[2, 0, 0, 0], [0, 0, 0, 0], [4, 5, 2, 0]], "int32")
    hypotheses = found(search, seeded("before", 0), source, max_length=4, beam_width=width)
    assert np.isfinite(hypotheses.scores).all()
    first = hypotheses.alignments[:, 0, 0]
    np.testing.assert_allclose(first.sum(-1), [1, 0, 1], atol=1e-6)
    assert first[0, 0] == pytest.approx(1)


@pytest.mark.parametrize("policy, width", [("mixed_float16", 1), ("mixed_bfloat16", 3)])
def test_mixed_precision_scores_are_near_full_precision(policy, width):
    full = found(search, seeded("before", 1, 0.5), SOURCE, max_length=2, beam_width=width)
    model = seeded("before", 1, 0.5, dtype=policy)
    hypotheses = found(search, model, SOURCE, max_length=2, beam_width=width)
    assert hypotheses.scores.dtype == hypotheses.alignments.dtype == "float32"
    np.testing.assert_allclose(hypotheses.scores, full.scores, atol=0.1)


@tensorflow_only("JAX supports float64 only if it is enabled before the start")
@pytest.mark.parametrize("width", [1, 3])
def test_search_works_in_double_precision(width):
    full = found(search, seeded("before", 1), SOURCE, max_length=4, beam_width=width)
    model = seeded("before", 1, dtype="float64")
    assert_same(found(search, model, SOURCE, max_length=4, beam_width=width), full)


@tensorflow_only("only TensorFlow graphs accept any batch size and length")
@pytest.mark.parametrize("name, width", [("before", 1), ("feeding", 3)])
def test_one_graph_accepts_every_batch_size_and_length(name, width):
    import tensorflow as tf

    model, traces = seeded(name, 1), []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    def run(source):
        traces.append(source.shape)
        return search(model, source, max_length=5, beam_width=width)

    for batch, steps in ((3, 4), (1, 2), (5, 7)):
        source = np.abs(normal(batch, steps, seed=steps) * 10).astype("int32") % 4 + 3
        source[:, -1] = 2
        eager = to_numpy(search(model, source, max_length=5, beam_width=width))
        assert_same(to_numpy(run(source)), eager)
    assert len(traces) == 1


@pytest.mark.parametrize("options", [{"beam_width": 0}, {"beam_width": -2}, {"max_length": 0}])
def test_beam_width_and_max_length_must_be_positive(options):
    ((name, value),) = options.items()
    message = rf"^`{name}` must be an integer of at least 1 .* Received: {name}={value}\.$"
    with pytest.raises(ValueError, match=message):
        search(seeded("before", 0), SOURCE, **{"beam_width": 1, "max_length": 4, **options})
