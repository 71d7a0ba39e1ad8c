import keras
import numpy as np
import pytest
from keras import ops
from support import assert_close, gradients, normal, tensorflow_only, weighted_sum

from keras_attention.ops.loop_products import LoopKernel, multiplier, product
from keras_attention.ops.time_loop import time_loop

INPUTS, START = normal(2, 4, 3, seed=1), normal(2, 5, seed=2)


def kernels():
    """Return variables `[3, 5]` and `[5, 5]`."""
    return [keras.Variable(normal(*shape, seed=i)) for i, shape in enumerate(((3, 5), (5, 5)))]


def once(W, U):
    """Return a step that multiplies by each kernel once."""
    return lambda x, h: product(x, W) + product(h, U)


def twice(W, U):
    """Return a step that multiplies by a kernel twice."""
    return lambda x, h: product(x, W) + product(ops.tanh(product(h, U)), U)


def never(W, U):
    """Return a step that leaves out a kernel."""
    return lambda x, h: product(x, W) + h


def slopes(make_sums, deferred, dtype="float32"):
    """Return a loss, and its gradients for the inputs, the first state and both kernels."""
    variables = kernels()
    sums = make_sums(*variables)

    def step(x, h):
        h = ops.tanh(sums(ops.cast(x, dtype), ops.cast(h, dtype)))
        h = ops.cast(h, "float32")
        return (h,), h

    def loss(inputs, h):
        declared = [LoopKernel(variable, dtype) for variable in variables] if deferred else ()
        outputs, state = time_loop(step, h, inputs, (5,), kernels=declared)
        parts = [*outputs, state]
        return weighted_sum(parts, [normal(*x.shape, seed=i) for i, x in enumerate(parts)])

    return gradients(loss, variables, INPUTS, START)


@pytest.mark.parametrize("make_sums", [once, twice, never])
def test_deferred_gradients_equal_those_of_each_step(make_sums):
    value, found = slopes(make_sums, True)
    expected_value, expected = slopes(make_sums, False)
    assert value == pytest.approx(expected_value, rel=1e-6)
    assert [bool(np.any(slope)) for slope in found] == [True, make_sums is not never, True, True]
    assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_deferred_gradients_of_products_in_bfloat16_are_close_to_float32():
    _, found = slopes(once, True, "bfloat16")
    _, expected = slopes(once, False)
    for rounded, exact in zip(found, expected, strict=True):
        # Where large terms cancel, the error is large compared with the sum.
        assert np.max(np.abs(rounded - exact)) < 0.05 * np.max(np.abs(exact))


@tensorflow_only("the other backends sum the gradients themselves")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_multiplier_has_a_gradient_for_its_input_only(dtype):
    import tensorflow as tf

    x, kernel = (tf.cast(normal(*shape), dtype) for shape in ((2, 3), (3, 5)))
    upstream = tf.cast(normal(2, 5, seed=3), dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = multiplier(kernel)(x)
    of_x, of_kernel = tape.gradient(y, [x, kernel], upstream)
    tolerances = {"rtol": 1e-5} if dtype == "float32" else {"rtol": 0.05, "atol": 0.05}
    wide = [np.asarray(tf.cast(each, "float32")) for each in (x, kernel, upstream, y, of_x)]
    x, kernel, upstream, y, of_x = wide
    assert_close(y, x @ kernel, **tolerances)
    assert_close(of_x, upstream @ kernel.T, **tolerances)
    assert of_kernel is None


@tensorflow_only("the other backends sum the gradients themselves")
@pytest.mark.parametrize("deferred", [True, False])
def test_deferred_gradients_are_computed_outside_the_loop(deferred):
    import tensorflow as tf

    variables = kernels()
    sums = once(*variables)
    declared = [LoopKernel(variable, "float32") for variable in variables] if deferred else ()

    @tf.function
    def slopes(inputs, h):
        with tf.GradientTape() as tape:
            outputs, _ = time_loop(lambda x, h: ((h,), sums(x, h)), h, inputs, (5,), (), declared)
            loss = tf.reduce_sum(outputs[0])
        return tape.gradient(loss, [variable.value for variable in variables])

    def of_weights(nodes):
        return sum(node.op == "MatMul" and node.attr["transpose_a"].b for node in nodes)

    graph = slopes.get_concrete_function(*map(tf.constant, (INPUTS, START))).graph.as_graph_def()
    inside = sum(of_weights(function.node_def) for function in graph.library.function)
    assert (inside, of_weights(graph.node)) == ((0, 2) if deferred else (2, 0))
