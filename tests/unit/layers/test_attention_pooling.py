import keras
import numpy as np
import pytest
from support import (
    BLIND,
    MECHANISMS,
    assert_close,
    cases,
    check_layer,
    doubles,
    normal,
    randomize,
    to_numpy,
)

from keras_attention import AttentionPooling, BahdanauAttention, LuongAttention

SEQUENCE = normal(2, 5, 6)
MASK = np.array([[True] * 5, [True, True, False, False, False]])


def built(attention, **options):
    layer = AttentionPooling(attention, **options)
    layer.build(SEQUENCE.shape)
    return randomize(layer)


def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def test_additive_pooling_equals_the_papers_equations():
    # Yang et al. 2016, equations 5 to 7: u = tanh(W h + b), a = softmax(u^T u_w), s = sum a h.
    layer = built(BahdanauAttention(4))
    attention = layer.attention
    W, query, V, v = doubles(
        attention.query_projection.kernel, layer.query, attention.key_projection.kernel, attention.v
    )
    states = SEQUENCE.astype("float64")
    alignment = softmax(np.tanh(states @ V + query[0] @ W) @ v)
    expected = np.einsum("bs,bsd->bd", alignment, states)
    outputs = layer(SEQUENCE, return_alignment=True)
    assert_close(outputs, (expected.astype("float32"), alignment.astype("float32")))


def test_each_query_pools_independently():
    layer = built(LuongAttention("dot"), queries=3)
    pooled, alignment = to_numpy(layer(SEQUENCE, return_alignment=True))
    expected = softmax(np.einsum("qd,bsd->bqs", doubles(layer.query)[0], SEQUENCE))
    assert_close((pooled, alignment), (expected @ SEQUENCE, expected.astype("float32")))
    assert_close(layer(SEQUENCE), pooled)


@pytest.mark.parametrize("queries", [None, 2])
def test_padding_changes_nothing_and_a_sequence_of_padding_gives_zeros(queries):
    layer = built(BahdanauAttention(4), queries=queries)
    pooled, alignment = to_numpy(layer(SEQUENCE, mask=MASK, return_alignment=True))
    alone = to_numpy(layer(SEQUENCE[1:, :2]))
    assert_close(pooled[1:], alone)
    assert not alignment[1, ..., 2:].any()
    assert not np.any(to_numpy(layer(SEQUENCE, mask=np.zeros_like(MASK))))


def test_the_mask_of_an_embedding_reaches_the_mechanism():
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(10, 6, mask_zero=True)(ids)
    pool = AttentionPooling(BahdanauAttention(4))
    model = keras.Model(ids, pool(embedded, return_alignment=True))
    padded, alone = (to_numpy(model(np.array([row]))) for row in ([5, 6, 0, 0], [5, 6]))
    assert_close(padded[0], alone[0])
    assert not padded[1][0, 2:].any()


@cases("name", [name for name in MECHANISMS if name not in BLIND], elsewhere=["general"])
def test_every_mechanism_that_reads_the_query_can_pool(name, tmp_path):
    layer = AttentionPooling(MECHANISMS[name](), queries=2, query_units=6)
    check_layer(layer, SEQUENCE, tmp_path=tmp_path, policies=())


def test_passes_the_checks_for_every_layer(tmp_path):
    layer = AttentionPooling(BahdanauAttention(4), query_units=3, initializer="zeros")
    check_layer(layer, SEQUENCE, tmp_path=tmp_path)


def test_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match="`attention` must be an AttentionMechanism.*Received: str"):
        AttentionPooling("bahdanau")
    with pytest.raises(ValueError, match=r"`queries` must be a positive.*Received: queries=0\."):
        AttentionPooling(BahdanauAttention(4), queries=0)


def test_inputs_of_another_shape_are_refused():
    pool = AttentionPooling(BahdanauAttention(4))
    with pytest.raises(ValueError, match=r"expected ndim=3, found ndim=2. .*\(2, 3\)"):
        pool(np.zeros((2, 3), "float32"))
    sequence = np.zeros((2, 3, 4), "float32")
    for shape in ((2, 4), (2, 3, 1)):
        with pytest.raises(ValueError, match=r"`memory_mask` must have the shape \[B, S\]"):
            pool(sequence, mask=np.ones(shape, bool))
