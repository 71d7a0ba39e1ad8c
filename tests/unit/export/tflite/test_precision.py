"""Tests of `lower` and `compact` on a model with a lookup, a product and a loop."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_attention.export.tflite.compact import compact
from keras_attention.export.tflite.flat_file import (
    OPERATORS,
    kind_of,
    pack_flat_file,
    read_flat_file,
)
from keras_attention.export.tflite.precision import lower

TABLE = np.random.default_rng(1).standard_normal((40, 32)).astype("float32")
TABLE[7] = 0
IDS = np.array([3, 7, 39], "int32")


class Tied(tf.Module):
    """A table that is used for a lookup and in a product; two signatures have a loop each."""

    def __init__(self):
        self.table = tf.Variable(TABLE)
        spec = tf.TensorSpec([3], tf.int32, "ids")
        self.one = tf.function(self.run, input_signature=[spec])
        self.other = tf.function(lambda ids: self.run(ids), input_signature=[spec])

    def run(self, ids):
        rows = tf.gather(self.table, ids)
        logits = tf.matmul(rows, self.table, transpose_b=True)
        kept = tf.where(rows > 9, rows[:, :1], tf.zeros([3, 32]))
        state = tf.zeros([40, 32])
        _, state = tf.while_loop(
            lambda t, state: t < 3,
            lambda t, state: (t + 1, state + tf.cast(t, "float32")),
            (tf.constant(0), state),
        )
        return {"rows": rows, "logits": logits, "state": state, "kept": kept}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    module, folder = Tied(), str(tmp_path_factory.mktemp("saved"))
    tf.saved_model.save(module, folder, signatures={"one": module.one, "other": module.other})
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["one", "other"])
    return converter.convert()


def rewritten(content, precision):
    model = read_flat_file(content)
    lower(model, lambda weights: precision)
    compact(model)
    return pack_flat_file(model)


def run(content, signature="one"):
    interpreter = Interpreter(model_content=content)
    return interpreter.get_signature_runner(signature)(ids=IDS)


SCALES = np.where(TABLE.any(axis=1), np.abs(TABLE).max(axis=1), 1) / 127
ROUNDED = np.rint(TABLE / SCALES[:, None]) * SCALES[:, None]
STORED = {
    "float32": TABLE,
    "float16": TABLE.astype("float16").astype("float32"),
    "int8_weights": ROUNDED.astype("float32"),
}


@pytest.mark.parametrize("signature", ["one", "other"])
@pytest.mark.parametrize("precision", STORED)
def test_results_are_computed_from_the_stored_weights(content, precision, signature):
    found, table = run(rewritten(content, precision), signature), STORED[precision]
    np.testing.assert_allclose(found["rows"], table[IDS], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found["logits"], table[IDS] @ table.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found["state"], np.full((40, 32), 3))
    np.testing.assert_array_equal(found["kept"], np.zeros((3, 32)))


def test_int8_also_rounds_the_inputs_of_a_product(content):
    found = run(rewritten(content, "int8"))
    np.testing.assert_allclose(found["rows"], ROUNDED[IDS], rtol=1e-6, atol=1e-7)
    exact = ROUNDED[IDS] @ ROUNDED.T
    error = np.abs(found["logits"] - exact)
    steps = (ROUNDED[IDS].max(axis=1) - ROUNDED[IDS].min(axis=1)) / 255
    bound = steps[:, None] * np.abs(ROUNDED).sum(axis=1)
    assert 0 < error.max() and (error <= bound + 1e-5).all()


@pytest.mark.parametrize(("precision", "itemsize"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_the_table_is_stored_once(content, precision, itemsize):
    model = read_flat_file(rewritten(content, precision))
    sizes = [len(buffer.data) for buffer in model.buffers if buffer.data is not None]
    assert sizes.count(TABLE.size * itemsize) == 1
    assert max(sizes) == TABLE.size * itemsize


def test_zeros_become_an_operator_and_equal_loops_are_merged(content):
    before, after = read_flat_file(content), read_flat_file(rewritten(content, "float32"))
    assert (len(before.subgraphs), len(after.subgraphs)) == (6, 4)
    kinds = [kind_of(after, operator) for operator in after.subgraphs[0].operators]
    assert OPERATORS.FILL in kinds
    for graph in after.subgraphs:
        assert len({tensor.name for tensor in graph.tensors} - {None, b""}) == len(graph.tensors)
    assert len(pack_flat_file(after)) < 0.8 * len(content)


def test_the_data_of_buffers_is_aligned_to_16_bytes(content):
    packed = rewritten(content, "int8")
    model = schema.Model.GetRootAs(packed, 0)
    start = np.frombuffer(packed, "uint8").ctypes.data
    buffers = (model.Buffers(place) for place in range(model.BuffersLength()))
    held = [buffer.DataAsNumpy() for buffer in buffers if not buffer.DataIsNone()]
    assert held and all((array.ctypes.data - start) % 16 == 0 for array in held)
