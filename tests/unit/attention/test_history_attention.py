"""Tests of mechanisms whose score uses their own earlier weights: location-aware and coverage."""

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

from keras_attention import CoverageAttention, LocationAwareAttention
from keras_attention.attention.base.history_attention import HistoryAttention

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
MAKE = {
    "location-aware": lambda: LocationAwareAttention(7, filters=3, kernel_size=3),
    "wide": lambda: LocationAwareAttention(7, filters=2, kernel_size=8),
    "coverage": lambda: CoverageAttention(7),
    "fertility": lambda: CoverageAttention(7, fertility=2.0),
}
every = pytest.mark.parametrize("name", MAKE)


def built(name):
    layer = MAKE[name]()
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def weights_of(layer):
    additive = layer.query_projection.kernel, layer.key_projection.kernel, layer.v
    history = layer.history_projection.kernel, layer.history_projection.bias
    if isinstance(layer, LocationAwareAttention):
        return *additive, *history, layer.convolution.kernel
    if layer.fertility is not None:
        return *additive, *history, layer.fertility_projection.kernel
    return *additive, *history


def convolved(alignment, kernel):
    """Compute features `[S, F]` of an alignment `[S]` with equation 8 of Chorowski et al. 2015."""
    width = len(kernel)
    before = (width - 1) // 2
    padded = np.pad(alignment, (before, width - 1 - before))
    return np.array([padded[s : s + width] @ kernel[:, 0] for s in range(len(alignment))])


def paper(name, weights, query, memory, mask):
    """Compute contexts and alignments with Chorowski's equation 9, or See's equations 10 and 11."""
    W, U, v, F, b, *more = weights
    contexts, alignments = [], []
    for queries, values, real in zip(query, memory, mask, strict=True):
        history = np.zeros(len(values))
        fertility = 2 * sigmoid(values @ more[0])[:, 0] if name == "fertility" else 1
        for q in queries:
            convolves = name in ("location-aware", "wide")
            f = convolved(history, more[0]) if convolves else history[:, None]
            scores = np.array(
                [v @ np.tanh(W.T @ q + values[s] @ U + f[s] @ F + b) for s in range(5)]
            )
            alignment = masked_softmax(scores, real)
            history = alignment if convolves else history + alignment / fertility
            contexts.append(alignment @ values)
            alignments.append(alignment)
    return np.reshape(contexts, (2, 3, -1)), np.reshape(alignments, (2, 3, -1))


@every
@pytest.mark.parametrize("mask", [None, MASK])
def test_equals_the_papers_equation(name, mask):
    layer = built(name)
    everywhere = np.ones((2, 5), bool) if mask is None else mask
    expected = paper(name, doubles(*weights_of(layer)), QUERY, MEMORY, everywhere)
    assert_close(layer(QUERY, MEMORY, memory_mask=mask), expected)


@every
def test_gradients_equal_finite_differences_of_the_papers_equation(name):
    layer = built(name)
    variables = weights_of(layer)
    pull = normal(2, 3, 6, seed=3), normal(2, 3, 5, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK)
        return weighted_sum((context, alignment), pull)

    points = [*doubles(*variables), QUERY.astype("float64"), MEMORY.astype("float64")]

    def reference():
        context, alignment = paper(name, points[:-2], *points[-2:], MASK)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY, MEMORY)
    assert value == pytest.approx(reference(), rel=1e-5)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=2e-4)


@every
def test_the_state_is_computed_from_the_earlier_weights(name):
    layer = built(name)
    _, alignment, state = layer(QUERY, MEMORY, memory_mask=MASK, return_state=True)
    if name == "coverage":
        assert_close(state, ops.sum(alignment, axis=1))
    elif name == "fertility":
        assert np.all(to_numpy(state)[MASK] > to_numpy(alignment).sum(axis=1)[MASK] / 2)
    else:
        assert_close(state, alignment[:, -1])


@every
def test_passes_the_checks_of_every_layer(name, tmp_path):
    check_layer(MAKE[name](), QUERY, MEMORY, MASK, tmp_path=tmp_path)


def test_coverage_is_summed_in_float32_under_mixed_precision():
    layer = CoverageAttention(7, dtype="mixed_bfloat16")
    _, _, state = layer(np.zeros((1, 100, 4)), np.zeros((1, 3, 6)), return_state=True)
    # A bfloat16 has 8 significant bits, so it would round these sums.
    assert_close(state, np.full((1, 3), 100 / 3, "float32"), rtol=5e-3)


@pytest.mark.parametrize("kind", [LocationAwareAttention, CoverageAttention])
def test_the_score_can_be_normalized(kind):
    layer = kind(7, normalize=True)
    layer.build(QUERY.shape, MEMORY.shape)
    assert layer.history_projection.bias is None
    expected = layer(QUERY, MEMORY)
    layer.v.assign(layer.v * 5.0)
    assert_close(layer(QUERY, MEMORY), expected)


@pytest.mark.parametrize("name", ["filters", "kernel_size"])
def test_sizes_of_the_convolution_must_be_positive_integers(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be a positive integer\. .*{name}=0\."):
        LocationAwareAttention(7, **{name: 0})


@pytest.mark.parametrize("fertility", [0, -1.0])
def test_fertility_must_be_positive(fertility):
    message = rf"`fertility` must be a positive number or None\. Received: fertility={fertility}"
    with pytest.raises(ValueError, match=message):
        CoverageAttention(7, fertility=fertility)


def test_a_subclass_must_define_how_the_history_is_updated():
    class Forgetful(HistoryAttention):
        pass

    with pytest.raises(NotImplementedError, match="Forgetful must define `_remember`"):
        Forgetful(7)(QUERY, MEMORY)
