import keras
import numpy as np
import pytest
from keras import ops
from support import gradients, normal, tensorflow_only, weighted_sum

from keras_attention.fast.layer_norm import LayerNorm

pytestmark = tensorflow_only("other backends use Keras's layer")

SHAPE = (2, 3, 5)


def built(kind, center=True, dtype="float32"):
    layer = kind(epsilon=1e-3, center=center, dtype=dtype)
    layer.build(SHAPE)
    weights = [normal(5, seed=seed) for seed in range(2 if center else 1)]
    layer.set_weights(weights)
    return layer


def results(layer, inputs):
    """Return the outputs, and the gradients of weights and inputs, in training."""
    weights = normal(*inputs.shape, seed=7)

    def loss(x):
        return weighted_sum([layer(x, training=True)], [weights])

    _, slopes = gradients(loss, layer.trainable_weights, inputs)
    return [layer(inputs, training=True), *slopes]


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("shape", [SHAPE, (4, 5)])
def test_outputs_and_gradients_equal_keras(center, shape):
    inputs = normal(*shape, seed=3, scale=4.0) + 2
    fast = results(built(LayerNorm, center), inputs)
    expected = results(built(keras.layers.LayerNormalization, center), inputs)
    assert len(fast) == len(expected) == (4 if center else 3)
    for ours, theirs in zip(fast, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_gradients_equal_finite_differences_in_float64():
    layer, inputs, step = built(LayerNorm, dtype="float64"), normal(2, 5, seed=3), 1e-6
    weights = normal(2, 5, seed=7)

    def loss(x):
        return float(ops.sum(layer(x, training=True) * weights))

    _, (slopes,) = gradients(
        lambda x: ops.sum(layer(x, training=True) * weights), [], inputs.astype("float64")
    )
    for place in np.ndindex(inputs.shape):
        moved = np.zeros(inputs.shape)
        moved[place] = step
        expected = (loss(inputs + moved) - loss(inputs - moved)) / (2 * step)
        assert slopes[place] == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_bfloat16_is_normalised_in_float32():
    inputs = normal(*SHAPE, seed=3) + 2
    outputs = built(LayerNorm, dtype="mixed_bfloat16")(inputs, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    rounded = np.asarray(ops.cast(ops.cast(inputs, "bfloat16"), "float32"))
    expected = built(keras.layers.LayerNormalization)(rounded)
    np.testing.assert_allclose(ops.cast(outputs, "float32"), expected, rtol=0.01, atol=0.01)
