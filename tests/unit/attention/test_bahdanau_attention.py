import numpy as np
import pytest
from reference import attend, finite_differences
from support import assert_close, check_layer, doubles, gradients, normal, randomize, weighted_sum

from keras_attention import BahdanauAttention

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])


def built(**options):
    layer = BahdanauAttention(7, **options)
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def weights_of(layer):
    normed = (layer.g, layer.b) if layer.normalize else ()
    return layer.query_projection.kernel, layer.key_projection.kernel, layer.v, *normed


def paper_score(W, U, v, g=None, b=0.0):
    """Compute `v . tanh(W q + U k)`, or `g v / |v| . tanh(W q + U k + b)`."""

    def score(q, k, s):
        direction = v if g is None else g * v / np.linalg.norm(v)
        return direction @ np.tanh(W.T @ q + U.T @ k + b)

    return score


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("mask", [None, MASK])
def test_equals_the_papers_equation(normalize, mask):
    layer = built(normalize=normalize)
    expected = attend(paper_score(*doubles(*weights_of(layer))), QUERY, MEMORY, mask)
    assert_close(layer(QUERY, MEMORY, memory_mask=mask), expected)


@pytest.mark.parametrize("normalize", [False, True])
def test_gradients_equal_finite_differences_of_the_papers_equation(normalize):
    layer = built(normalize=normalize)
    variables = weights_of(layer)
    pull = normal(2, 3, 6, seed=3), normal(2, 3, 5, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK)
        return weighted_sum((context, alignment), pull)

    points = [*doubles(*variables), QUERY.astype("float64"), MEMORY.astype("float64")]

    def reference():
        context, alignment = attend(paper_score(*points[:-2]), *points[-2:], MASK)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY, MEMORY)
    assert value == pytest.approx(reference(), rel=1e-5)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=1e-4)


def test_a_normalized_score_starts_at_the_papers_scale():
    layer = BahdanauAttention(16, normalize=True)
    layer.build(QUERY.shape, MEMORY.shape)
    g, b = doubles(layer.g, layer.b)
    assert g == pytest.approx(0.25)
    assert not b.any()


def test_a_normalized_score_does_not_depend_on_the_length_of_v():
    layer = built(normalize=True)
    expected = layer(QUERY, MEMORY)
    layer.v.assign(layer.v * 5.0)
    assert_close(layer(QUERY, MEMORY), expected)


@pytest.mark.parametrize("normalize", [False, True])
def test_passes_the_checks_of_every_layer(normalize, tmp_path):
    layer = BahdanauAttention(7, normalize=normalize)
    check_layer(layer, QUERY, MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("units", [0, -1, 2.5, "4", True, None])
def test_units_must_be_a_positive_integer(units):
    message = rf"`units` must be a positive integer\. Received: units={units!r}\."
    with pytest.raises(ValueError, match=message):
        BahdanauAttention(units)
