import numpy as np
import pytest
from keras import ops
from reference import finite_differences, masked_softmax, sigmoid
from support import (
    assert_close,
    check_layer,
    doubles,
    gradients,
    normal,
    randomize,
    to_numpy,
    weighted_sum,
)

from keras_attention import BahdanauAttention, CoverageAttention, LocalAttention, LuongAttention

QUERY, MEMORY = normal(2, 4, 3, seed=1), normal(2, 7, 6, seed=2)
MASK = np.arange(7) < np.array([[7], [4]])
FORMS = pytest.mark.parametrize("predictive", [False, True])


def built(predictive, window=2, content=None):
    layer = LocalAttention(content or LuongAttention(), window, predictive=predictive)
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def weights_of(layer):
    content = (layer.content.key_projection.kernel,)
    return (*content, layer.hidden.kernel, layer.position.kernel) if layer.predictive else content


def paper(weights, query, memory, mask, window):
    """Compute contexts and alignments as in section 3.2 of Luong et al. 2015, score "general"."""
    contexts, alignments = [], []
    for queries, values, real in zip(query, memory, mask, strict=True):
        for t, h in enumerate(queries):
            p = t
            if len(weights) > 1:
                p = real.sum() * sigmoid(weights[2][:, 0] @ np.tanh(weights[1].T @ h))
            s = np.arange(len(values))
            near = real & (abs(s - p) <= window)
            alignment = masked_softmax(values @ weights[0] @ h, near)
            if len(weights) > 1:
                alignment = alignment * np.exp(-((s - p) ** 2) / (2 * (window / 2) ** 2))
            contexts.append(alignment @ values)
            alignments.append(alignment)
    return np.reshape(contexts, (2, 4, -1)), np.reshape(alignments, (2, 4, -1))


@FORMS
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("window", [1, 2, 20])
def test_equals_the_papers_equations(predictive, mask, window):
    layer = built(predictive, window)
    everywhere = np.ones((2, 7), bool) if mask is None else mask
    expected = paper(doubles(*weights_of(layer)), QUERY, MEMORY, everywhere, window)
    assert_close(layer(QUERY, MEMORY, memory_mask=mask), expected)


@FORMS
def test_gradients_equal_finite_differences_of_the_papers_equations(predictive):
    layer = built(predictive)
    variables = weights_of(layer)
    pull = normal(2, 4, 6, seed=3), normal(2, 4, 7, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK)
        return weighted_sum((context, alignment), pull)

    points = [*doubles(*variables), QUERY.astype("float64"), MEMORY.astype("float64")]

    def reference():
        context, alignment = paper(points[:-2], *points[-2:], MASK, 2)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY, MEMORY)
    assert value == pytest.approx(reference(), rel=1e-5)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=2e-4)


def test_a_step_far_beyond_the_end_attends_to_nothing():
    layer = built(False, window=1)
    _, alignment = to_numpy(layer(normal(2, 9, 3), MEMORY, memory_mask=MASK))
    assert alignment.any(-1).tolist() == [
        [True] * 8 + [False],
        [True] * 5 + [False] * 4,
    ]


def test_step_numbers_above_256_are_exact_under_mixed_precision():
    layer = LocalAttention(LuongAttention("dot"), 1, dtype="mixed_bfloat16")
    memory = normal(1, 400, 4)
    _, alignment, state = layer(memory[:, :300], memory, return_state=True)
    assert float(state[0, 0]) == 300
    _, alignment, state = layer(memory[:, 300], memory, state=state, return_state=True)
    assert np.flatnonzero(ops.cast(alignment[0], "float32")).tolist() == [299, 300, 301]


@FORMS
def test_positions_that_are_masked_by_content_stay_masked(predictive):
    layer = built(predictive, 5, LuongAttention("location", max_source_length=2))
    _, alignment = to_numpy(layer(QUERY, MEMORY))
    assert not np.any(alignment[:, :, 2:]) and np.any(alignment[:, :, :2])


def test_the_mapping_of_content_is_used():
    layer = built(False, 5, LuongAttention(mapping="sparsemax"))
    _, alignment = to_numpy(layer(QUERY, MEMORY))
    assert (alignment[0, 3] == 0).any()


@FORMS
def test_passes_the_checks_of_every_layer(predictive, tmp_path):
    layer = LocalAttention(BahdanauAttention(5, normalize=True), 2, predictive=predictive)
    check_layer(layer, QUERY, MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize(
    "content", [CoverageAttention(3), LocalAttention(LuongAttention(), predictive=True)]
)
def test_content_must_be_a_mechanism_that_only_defines_a_score(content):
    message = (
        rf"`content` must be a mechanism that only defines a score, .*a {type(content).__name__}\."
    )
    with pytest.raises(ValueError, match=message):
        LocalAttention(content)


def test_content_must_be_a_mechanism():
    with pytest.raises(TypeError, match=r"`content` must be an AttentionMechanism.*'general'\."):
        LocalAttention("general")


def test_window_must_be_a_positive_integer():
    with pytest.raises(ValueError, match=r"`window` must be a positive integer\. .*window=0\."):
        LocalAttention(LuongAttention(), 0)
