"""XLA compiles the gradient of a loop over a mechanism. Keras trains with XLA on one GPU."""

import numpy as np
import pytest
from keras import ops
from support import MECHANISMS, normal, randomize, tensorflow_only, to_numpy

from keras_attention.ops.time_loop import time_loop

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
# XLA takes seconds to compile each mechanism, and the others consist of the same operations.
NAMES = [
    "bahdanau",
    "general",
    "concat",
    "location",
    "location-aware",
    "fertility",
    "local-m",
    "local-p",
    "heads",
    "chunkwise",
    "external-memory",
    "peeky",
]


def looped(layer, query, memory, mask):
    """Run a mechanism in a loop over steps `[B, D]`, and return the sum of its squared outputs."""
    keys = layer.project(memory)

    def step(x, state):
        *outputs, state = layer(
            x, memory, memory_mask=mask, keys=keys, state=state, training=True, return_state=True
        )
        return tuple(outputs), state

    widths = layer.context_width(memory.shape[-1]), None
    outputs, _ = time_loop(step, layer.initial_state(memory, mask), query, widths)
    return sum(ops.sum(ops.square(each)) for each in outputs)


def gradient_of_a_loop(layer, query, memory, mask):
    """Return `looped` and its gradients with respect to the weights, the query and the memory."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch([query, memory])
        value = looped(layer, query, memory, mask)
    watched = [*(weight.value for weight in layer.trainable_weights), query, memory]
    return value, tape.gradient(value, watched, unconnected_gradients="zero")


def by_xla(layer):
    """Return `gradient_of_a_loop`, compiled for unknown sizes as in `fit`."""
    import tensorflow as tf

    floats = tf.TensorSpec((None, None, 4), "float32")
    return tf.function(
        lambda *arrays: gradient_of_a_loop(layer, *arrays),
        input_signature=[floats, floats, tf.TensorSpec((None, None), "bool")],
        jit_compile=True,
        autograph=False,
    )


@tensorflow_only("JAX always compiles with XLA")
@pytest.mark.parametrize("name", NAMES)
def test_xla_compiles_the_gradient_of_a_loop(name):
    layer = MECHANISMS[name]()
    layer.noise = 0  # XLA draws different random numbers
    layer.build(QUERY.shape, MEMORY.shape)
    randomize(layer)
    arrays = [ops.convert_to_tensor(x) for x in (QUERY, MEMORY, MASK)]
    value, gradients = to_numpy(gradient_of_a_loop(layer, *arrays))
    compiled, by_weight = to_numpy(by_xla(layer)(*arrays))
    assert compiled == pytest.approx(value, rel=1e-5)
    for actual, expected in zip(by_weight, gradients, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
