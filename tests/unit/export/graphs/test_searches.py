"""Tests of the searches that exported graphs run; here they are called without an export."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from keras_attention import LuongAttention, Seq2Seq, search
from keras_attention.decoding.options import SearchOptions
from keras_attention.export.graphs.searches import search_beams, search_best


@pytest.fixture(scope="module")
def model():
    model = Seq2Seq(7, 7, units=4, embedding=3, attention=LuongAttention())
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("width", [1, 3])
def test_search_best_agrees_with_search_and_is_empty_for_an_empty_source(model, width):
    source = tf.constant([[4, 5, 2], [2, 0, 0], [6, 3, 2]])
    options = SearchOptions(max_length=5, beam_width=width, min_length=3)
    found = {name: array.numpy() for name, array in search_best(model, source, options).items()}
    expected = [np.array(array)[:, 0] for array in search(model, source, options)]
    for array, other in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(array[[0, 2]], other[[0, 2]])
        assert array.dtype == other.dtype
    assert list(found) == ["tokens", "score", "alignment"]
    assert found["tokens"][1].tolist() == [2, 0, 0, 0, 0]
    assert found["score"][1] == 0
    assert found["alignment"][1].tolist() == [[1, 0, 0]] + [[0, 0, 0]] * 4


WIDTHS, PENALTIES = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)


@pytest.mark.parametrize("name", ["best", "best of beams", "beams"])
def test_every_operator_runs_on_a_gpu(model, name):
    """Check in TensorFlow's list of kernels that every operator in a loop has a GPU kernel."""
    options = SearchOptions(
        max_length=5, beam_width=1 + 2 * (name != "best"), min_length=2, no_repeat_ngram=2
    )
    search = tf.function(
        (lambda source, *more: search_beams(model, source, options, *more))
        if name == "beams"
        else (lambda source: search_best(model, source, options)),
        autograph=False,
    )
    own = {"beam_width": WIDTHS, "length_penalty": PENALTIES}
    more = (own, WIDTHS) if name == "beams" else ()
    graph = search.get_concrete_function(tf.TensorSpec([None, None], tf.int32), *more).graph
    definition = graph.as_graph_def()
    functions = {function.signature.name for function in definition.library.function}
    nodes = [node for function in definition.library.function for node in function.node_def]
    assert "MatMul" in {node.op for node in nodes}
    assert {n.op for n in nodes if n.op not in functions and not runs_on_gpu(n)} == set()


@functools.cache
def kernels_of(operator):
    """Return the kernels of an operator, cached, because TensorFlow searches its list each time."""
    return kernels.get_registered_kernels_for_op(operator).kernel


def runs_on_gpu(node):
    """Return whether TensorFlow has a GPU kernel for the types of the node."""
    return any(
        all(
            node.attr[constraint.name].type in constraint.allowed_values.list.type
            for constraint in kernel.constraint
        )
        for kernel in kernels_of(node.op)
        if kernel.device_type in ("GPU", "DEFAULT")
    )
