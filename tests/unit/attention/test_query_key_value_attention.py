"""Multi-head attention with any score, also compared with Keras's own attention layers."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import finite_differences, masked_softmax
from support import assert_close, check_layer, doubles, gradients, normal, randomize, to_numpy

from keras_attention import (
    BahdanauAttention,
    CoverageAttention,
    LuongAttention,
    QueryKeyValueAttention,
    ScaledDotProductAttention,
)

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
MAKE = {
    "one head": lambda: QueryKeyValueAttention(3),
    "two heads": lambda: QueryKeyValueAttention(3, heads=2, value_units=2, output_units=5),
    "additive": lambda: QueryKeyValueAttention(
        3, heads=2, output_units=5, use_bias=False, content=BahdanauAttention(4)
    ),
}
every = pytest.mark.parametrize("name", MAKE)


def built(layer):
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def weights_of(layer):
    projections = [layer.query_projection, layer.key_projection, layer.value_projection]
    projections += [layer.output_projection] if layer.output_units else []
    own = [weight for projection in projections for weight in projection.weights]
    return [*own, *layer.content.weights]


def paper(layer, weights, query, memory, mask):
    """Compute Vaswani et al. 2017, section 3.2.2, one head, query and position at a time."""
    count = len(layer.content.weights)
    own, content = weights[: len(weights) - count], weights[len(weights) - count :]
    step = 2 if layer.use_bias else 1
    matrices = own[::step]
    biases = own[1::2] if layer.use_bias else [0.0] * len(matrices)
    q, k, v = (
        (x @ W + b).reshape(*x.shape[:2], layer.heads, -1)
        for x, W, b in zip((query, memory, memory), matrices, biases, strict=False)
    )

    def score(a, b):
        if not content:
            return a @ b / np.sqrt(layer.key_units)
        v, W, U = (content[i] for i in order(layer.content))
        return v @ np.tanh(W.T @ a + U.T @ b)

    scores = np.array(
        [
            [[[score(a, b) for b in keys] for a in rows] for rows, keys in zip(*heads, strict=True)]
            for heads in zip(q.transpose(0, 2, 1, 3), k.transpose(0, 2, 1, 3), strict=True)
        ]
    )
    alignment = masked_softmax(scores, mask[:, None, None])
    context = np.einsum("bhts,bshv->bthv", alignment, v).reshape(*query.shape[:2], -1)
    if layer.output_units:
        context = context @ matrices[3] + biases[3]
    return context, alignment.mean(1)


def order(content):
    """Return the indices of `v`, `W` and `U` in the list of Bahdanau's weights."""
    weights = content.v, content.query_projection.kernel, content.key_projection.kernel
    return [next(i for i, x in enumerate(content.weights) if x is w) for w in weights]


@every
@pytest.mark.parametrize("mask", [None, MASK])
def test_equals_the_papers_equations(name, mask):
    layer = built(MAKE[name]())
    everywhere = np.ones((2, 5), bool) if mask is None else mask
    expected = paper(layer, doubles(*weights_of(layer)), QUERY, MEMORY, everywhere)
    assert_close(layer(QUERY, MEMORY, memory_mask=mask), expected)


@every
def test_gradients_equal_finite_differences_of_the_papers_equations(name):
    layer = built(MAKE[name]())
    variables = weights_of(layer)
    pull = normal(2, 3, layer.context_width(6), seed=3), normal(2, 3, 5, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK)
        return ops.sum(context * pull[0]) + ops.sum(alignment * pull[1])

    points = [*doubles(*variables), QUERY.astype("float64"), MEMORY.astype("float64")]

    def reference():
        context, alignment = paper(layer, points[:-2], *points[-2:], MASK)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY, MEMORY)
    assert value == pytest.approx(reference(), rel=1e-5, abs=1e-5)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("use_bias", [False, True])
def test_heads_equal_keras_multi_head_attention(use_bias):
    layer = built(
        QueryKeyValueAttention(3, heads=2, value_units=5, output_units=4, use_bias=use_bias)
    )
    twin = keras.layers.MultiHeadAttention(2, 3, value_dim=5, use_bias=use_bias)
    twin.build(QUERY.shape, MEMORY.shape)
    ours = [
        weight
        for part in ("query", "key", "value", "output")
        for weight in getattr(layer, f"{part}_projection").get_weights()
    ]
    twin.set_weights([x.reshape(w.shape) for x, w in zip(ours, twin.get_weights(), strict=True)])
    context, alignment = twin(
        QUERY, MEMORY, attention_mask=MASK[:, None], return_attention_scores=True
    )
    expected = context, ops.mean(alignment, axis=1)
    assert_close(layer(QUERY, MEMORY, memory_mask=MASK), expected)


@pytest.mark.parametrize("scaled", [False, True])
def test_dot_equals_keras_attention(scaled):
    query, value, key = (normal(2, steps, 4, seed=steps) for steps in (3, 5, 5))
    key = key[::-1].copy()
    layer = LuongAttention("dot", scale=scaled)
    layer.build(query.shape, value.shape)
    twin = keras.layers.Attention(use_scale=scaled)
    twin.build([query.shape, value.shape, key.shape])
    if scaled:
        layer.g.assign(0.3)
        twin.set_weights([np.float32(0.3)])
    expected = twin([query, value, key], mask=[None, MASK], return_attention_scores=True)
    assert_close(layer(query, value, memory_mask=MASK, keys=key), tuple(expected))


def test_concat_equals_keras_attention():
    query, value = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
    layer = LuongAttention("concat")
    layer.build(query.shape, value.shape)
    layer.set_weights([1.5 * np.eye(4), 1.5 * np.eye(4), np.full((4, 1), 0.7)])
    twin = keras.layers.Attention(use_scale=True, score_mode="concat")
    twin.build([query.shape, value.shape])
    twin.set_weights([np.float32(1.5), np.float32(0.7)])
    expected = twin([query, value], mask=[None, MASK], return_attention_scores=True)
    assert_close(layer(query, value, memory_mask=MASK), tuple(expected))


def test_bahdanau_equals_keras_additive_attention():
    query, value = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
    scale = normal(4, seed=3)
    layer = BahdanauAttention(4)
    layer.build(query.shape, value.shape)
    layer.v.assign(scale)
    layer.query_projection.kernel.assign(np.eye(4))
    layer.key_projection.kernel.assign(np.eye(4))
    twin = keras.layers.AdditiveAttention()
    twin.build([query.shape, value.shape])
    twin.set_weights([scale])
    expected = twin([query, value], mask=[None, MASK], return_attention_scores=True)
    assert_close(layer(query, value, memory_mask=MASK), tuple(expected))


def test_scaled_dot_product_divides_by_the_square_root_of_the_width():
    query, memory = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
    expected = LuongAttention("dot")(query / 2, memory, memory_mask=MASK)
    assert_close(ScaledDotProductAttention()(query, memory, memory_mask=MASK), expected)


def test_every_head_uses_the_mapping_and_the_mask_of_content():
    content = LuongAttention("location", max_source_length=2, mapping="sparsemax")
    layer = built(QueryKeyValueAttention(3, heads=2, content=content))
    _, alignment = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK))
    assert not np.any(alignment[:, :, 2:])
    assert_close(alignment.sum(axis=-1), np.ones((2, 3), "float32"))


@pytest.mark.parametrize(
    "options",
    # A bias of the keys does not change the weights of a dot product, so it has no gradient.
    [{"use_bias": False}, {"heads": 2, "output_units": 5, "content": BahdanauAttention(4)}],
)
def test_passes_the_checks_of_every_layer(options, tmp_path):
    check_layer(QueryKeyValueAttention(3, **options), QUERY, MEMORY, MASK, tmp_path=tmp_path)


def test_scaled_dot_product_passes_the_checks_of_every_layer(tmp_path):
    check_layer(ScaledDotProductAttention(), MEMORY, MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("name", ["key_units", "heads", "value_units", "output_units"])
def test_widths_must_be_positive_integers(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be a positive integer\. .*{name}=-1\."):
        QueryKeyValueAttention(**{"key_units": 3, name: -1})


def test_content_must_be_a_mechanism_that_only_defines_a_score():
    with pytest.raises(ValueError, match=r"`content` must be a mechanism that only defines"):
        QueryKeyValueAttention(3, content=CoverageAttention(3))
