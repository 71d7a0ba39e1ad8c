import keras
import numpy as np
import pytest
from keras import ops
from support import assert_close, gradients, normal, tensorflow_only, to_numpy, weighted_sum

from keras_attention.ops.time_loop import time_loop

INPUTS, W, START = normal(2, 4, 3, seed=1), normal(5, 5, seed=2), normal(2, 5, seed=3)


def nested_step(W):
    """Return a step with two outputs and a nested state; one part of the state is empty."""

    def one(x, state):
        h, (total, nothing) = state
        new = ops.tanh(ops.matmul(h, W) + ops.sum(x, axis=-1, keepdims=True))
        total = total + ops.sum(x, axis=-1)
        return (new[:, :2], ops.multiply(new, h)), (new, (total, nothing))

    return one


def nested_state(h):
    return h, (ops.zeros((2,)), ())


def plain_step(W):
    """Return a step whose output has the state's shape, as Keras's scan requires on TensorFlow."""

    def one(x, h):
        new = ops.tanh(ops.matmul(h, W) + ops.sum(x, axis=-1, keepdims=True))
        return (new * h,), new

    return one


def python_loop(step, state, inputs, widths):
    """Run the loop in plain Python, unrolled."""
    stacked = []
    for t in range(inputs.shape[1]):
        outputs, state = step(inputs[:, t], state)
        stacked.append(outputs)
    return tuple(ops.stack(output, axis=1) for output in zip(*stacked, strict=True)), state


def keras_scan(step, state, inputs, widths):
    """Run the loop with `keras.ops.scan`, for one output."""

    def one(carry, x):
        (output,), carry = step(x, carry)
        return carry, output

    state, stacked = ops.scan(one, state, ops.transpose(inputs, (1, 0, 2)))
    return (ops.transpose(stacked, (1, 0, 2)),), state


def values_and_gradients(loop, make_step, make_state, widths):
    def loss(inputs, W, h):
        outputs, state = loop(make_step(W), make_state(h), inputs, widths)
        parts = keras.tree.flatten((outputs, state))
        return weighted_sum(parts, [normal(*x.shape, seed=i) for i, x in enumerate(parts)])

    return gradients(loss, [], INPUTS, W, START)


def test_equals_a_python_loop():
    arguments = nested_step(W), nested_state(START), ops.convert_to_tensor(INPUTS), (2, 5)
    outputs, state = to_numpy(time_loop(*arguments))
    assert [output.shape for output in outputs] == [(2, 4, 2), (2, 4, 5)]
    assert_close((outputs, state), python_loop(*arguments))


@pytest.mark.parametrize(
    "loop, options",
    [
        (python_loop, (nested_step, nested_state, (2, 5))),
        (keras_scan, (plain_step, lambda h: h, (5,))),
    ],
)
def test_gradients_equal_those_of_other_loops(loop, options):
    value, slopes = values_and_gradients(time_loop, *options)
    expected_value, expected = values_and_gradients(loop, *options)
    assert value == pytest.approx(expected_value, rel=1e-5)
    assert all(np.any(slope) for slope in slopes)
    assert_close(slopes, expected, rtol=1e-4, atol=1e-5)


def test_a_loop_of_one_step_equals_a_python_loop():
    arguments = nested_step(W), nested_state(START), ops.convert_to_tensor(INPUTS[:, :1]), (2, 5)
    assert_close(time_loop(*arguments), python_loop(*arguments))


def test_symbolic_outputs_have_the_right_shapes():
    class Loop(keras.layers.Layer):
        def call(self, inputs):
            h = ops.zeros((ops.shape(inputs)[0], 5))
            outputs, (last, _) = time_loop(nested_step(W), (h, (h[:, 0], ())), inputs, (2, 5))
            return *outputs, last

    first, second, last = Loop()(keras.KerasTensor((None, 4, 3)))
    assert (first.shape, second.shape, last.shape) == ((None, 4, 2), (None, 4, 5), (None, 5))


@tensorflow_only("only its graphs have an unknown number of steps")
def test_one_graph_serves_every_number_of_steps():
    import tensorflow as tf

    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3])])
    def run(inputs):
        traces.append(inputs.shape)
        h = tf.zeros((tf.shape(inputs)[0], 5))
        return time_loop(nested_step(W), (h, (h[:, 0], ())), inputs, (2, 5))

    for batch, steps in ((2, 4), (3, 1), (1, 7)):
        inputs = normal(batch, steps, 3, seed=steps)
        h = ops.zeros((batch, 5))
        expected = python_loop(
            nested_step(W), (h, (h[:, 0], ())), ops.convert_to_tensor(inputs), None
        )
        assert_close(run(inputs), expected)
    assert len(traces) == 1


def test_a_step_can_draw_random_numbers():
    seeds = keras.random.SeedGenerator(3)

    def step(x, total):
        noise = keras.random.normal(ops.shape(total), seed=seeds)
        return (noise,), total + noise

    def run():
        start, inputs = ops.zeros((2, 5)), ops.convert_to_tensor(INPUTS)
        return to_numpy(time_loop(step, start, inputs, (5,), [seeds.state]))

    (first,), total = run()
    assert_close(total, first.sum(axis=1))
    (second,), _ = run()
    drawn = np.concatenate([first, second]).ravel()
    assert len(np.unique(drawn)) == len(drawn)
