import numpy as np
import pytest
from support import assert_close, check_layer, doubles, normal, randomize, to_numpy

from keras_attention import Bridge

# The states of two encoder layers of width 3: forward h and c, backward h and c.
STATES = tuple(tuple(normal(2, 3, seed=10 * i + j) for j in range(4)) for i in range(2))


def built(units, **options):
    layer = Bridge(units, **options)
    layer.build([[state.shape for state in states] for states in STATES])
    return randomize(layer)


def concatenated(index):
    forward_h, forward_c, backward_h, backward_c = STATES[index]
    return np.concatenate([forward_h, backward_h], -1), np.concatenate([forward_c, backward_c], -1)


# Decoder layer i starts from encoder layer i, or from the top encoder layer if there is no layer i.
@pytest.mark.parametrize("layers, sources", [(1, [0]), (2, [0, 1]), (3, [0, 1, 1])])
def test_dense_equals_the_papers_equation(layers, sources):
    layer = built(4, layers=layers)
    initial = to_numpy(layer(STATES))
    assert len(initial) == layers
    for index, source in enumerate(sources):
        h, c = concatenated(source)
        W, V = doubles(layer.dense_h[index].kernel, layer.dense_c[index].kernel)
        expected = np.tanh(h @ W).astype("float32"), (c @ V).astype("float32")
        assert_close(initial[index], expected)


def test_every_decoder_layer_has_its_own_weights():
    layer = built(4, layers=3)
    (_, (h, c), (top_h, top_c)) = to_numpy(layer(STATES))
    assert np.abs(h - top_h).max() > 0.01 and np.abs(c - top_c).max() > 0.01


@pytest.mark.parametrize("layers, sources", [(1, [0]), (3, [0, 1, 1])])
def test_copy_concatenates_both_directions_if_the_decoder_is_twice_as_wide(layers, sources):
    expected = tuple(concatenated(source) for source in sources)
    assert_close(built(6, layers=layers, kind="copy")(STATES), expected)


def test_copy_adds_both_directions_if_the_decoder_is_as_wide_as_one():
    expected = tuple(
        (forward_h + backward_h, forward_c + backward_c)
        for forward_h, forward_c, backward_h, backward_c in STATES
    )
    assert_close(built(3, layers=2, kind="copy")(STATES), expected)


def test_zero_returns_zeros_of_the_decoders_width():
    layer = built(5, layers=2, kind="zero")
    assert_close(layer(STATES), ((np.zeros((2, 5), "float32"),) * 2,) * 2)
    assert not layer.weights


def test_the_state_of_a_unidirectional_layer_is_bridged():
    h, c = STATES[0][:2]
    layer = Bridge(4)
    layer.build((((2, 3),) * 2,))
    W, V = doubles(*randomize(layer).weights)
    expected = np.tanh(h @ W).astype("float32"), (c @ V).astype("float32")
    assert_close(layer(((h, c),)), (expected,))
    assert_close(Bridge(3, kind="copy")(((h, c),)), ((h, c),))


@pytest.mark.parametrize("kind", ["dense", "copy", "zero"])
def test_passes_the_checks_for_every_layer(kind, tmp_path):
    check_layer(Bridge(6, layers=3, kind=kind), STATES, tmp_path=tmp_path)


def test_an_unknown_kind_is_refused_with_a_list_of_kinds():
    message = r"`kind` must be one of 'dense', 'copy', 'zero'\. Received: kind='linear'\."
    with pytest.raises(ValueError, match=message):
        Bridge(4, kind="linear")


def test_copy_refuses_any_other_width():
    message = r"`units` must be 3 or 6 with kind='copy': .*encoder, or of all\. Received: units=4\."
    with pytest.raises(ValueError, match=message):
        Bridge(4, kind="copy")(STATES)


@pytest.mark.parametrize("name", ["units", "layers"])
def test_sizes_must_be_positive_integers(name):
    message = rf"`{name}` must be a positive integer\. Received: {name}=0\."
    with pytest.raises(ValueError, match=message):
        Bridge(**{"units": 4, name: 0})
