import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from variants import LONG, TEXTS, assert_same

from keras_attention.export.saved_model import SavedModelTranslator, export_saved_model


@pytest.fixture(scope="module")
def exported(variant, tmp_path_factory):
    return export_saved_model(variant, tmp_path_factory.mktemp("model"))


def test_gives_the_translators_answers(variant, exported):
    loaded = SavedModelTranslator.load(exported)
    expected = variant([*TEXTS, LONG])
    assert_same(loaded([*TEXTS, LONG]), expected)
    assert_same(loaded([*TEXTS, LONG], batch_size=1), expected)
    assert loaded([]) == []


def test_takes_a_batch_of_no_text(exported):
    serve = tf.saved_model.load(str(exported)).signatures["serving_default"]
    outputs = serve(tf.constant([], tf.string))
    assert {name: len(output) for name, output in outputs.items()} == dict.fromkeys(outputs, 0)


def test_holds_core_operations_only(exported):
    # `tf.raw_ops` is what TensorFlow itself was built with, whatever was imported since.
    graph = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    definition = graph.meta_graphs[0].graph_def
    nodes = [*definition.node]
    nodes += [node for function in definition.library.function for node in function.node_def]
    operations = {node.op for node in nodes}
    assert "LookupTableFindV2" in operations
    assert {name for name in operations if not hasattr(tf.raw_ops, name)} == set()


def test_weights_are_stored_once(variant, exported):
    stored = sum(path.stat().st_size for path in (exported / "variables").iterdir())
    weights = sum(4 * int(np.prod(weight.shape)) for weight in variant.model.weights)
    assert stored < weights + 20_000
