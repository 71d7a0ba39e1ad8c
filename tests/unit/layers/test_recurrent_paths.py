"""Recurrent layers run Keras's cuDNN implementation on a GPU if it supports their settings."""

import keras
import pytest
from keras import ops
from keras.src import backend

from keras_attention import BahdanauAttention, LuongAttention, Seq2Seq

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
SOURCE, TARGET = ops.ones((2, 5), "int32"), ops.ones((2, 4), "int32")
AFTER = {"attention": LuongAttention, "placement": "after"}


@pytest.fixture
def asked(monkeypatch):
    """Record the calls of the backend's own LSTM and GRU, which run cuDNN on a GPU."""
    calls = []

    def decline(*arguments, **options):
        calls.append(options)
        raise NotImplementedError

    monkeypatch.setattr(backend, "lstm", decline)
    monkeypatch.setattr(backend, "gru", decline)
    return calls


def run(attention, placement, **options):
    mechanism = {BahdanauAttention: lambda: BahdanauAttention(4), LuongAttention: LuongAttention}
    attention = mechanism[attention]() if attention else None
    model = Seq2Seq(9, 9, units=4, embedding=3, attention=attention, placement=placement, **options)
    model((SOURCE, TARGET), training=True)


@pytest.mark.parametrize(
    ("options", "times"),
    [
        (AFTER, 3),
        ({**AFTER, "rnn": "gru"}, 3),
        ({**AFTER, "encoder_layers": 2, "decoder_layers": 3, "dropout": 0.3}, 7),
        ({"attention": None, "placement": "after"}, 3),
        # With input feeding, or with the context as an input, the decoder needs our loop over time.
        ({**AFTER, "input_feeding": True}, 2),
        ({"attention": BahdanauAttention, "placement": "before"}, 2),
        # cuDNN supports neither recurrent dropout nor layer normalisation.
        ({**AFTER, "recurrent_dropout": 0.1}, 0),
        ({**AFTER, "layer_norm": True}, 0),
    ],
)
def test_keras_tries_the_backends_own_lstm_or_gru_first(options, times, asked):
    run(**options)
    assert len(asked) == times


@pytest.mark.skipif(not ON_TENSORFLOW, reason="inspects a TensorFlow graph")
def test_no_operation_of_a_step_is_placed_on_the_cpu():
    import tensorflow as tf

    model = Seq2Seq(9, 9, units=4, embedding=3, attention=BahdanauAttention(4), placement="before")
    model.build()
    step = tf.function(
        lambda source, target: model((source, target), training=True), autograph=False
    )
    graph = step.get_concrete_function(SOURCE, TARGET).graph
    nodes = list(graph.as_graph_def().node)
    nodes += [node for body in graph.as_graph_def().library.function for node in body.node_def]
    assert len(nodes) > 100
    assert not [node.name for node in nodes if "CPU" in node.device]
    assert not {"PyFunc", "EagerPyFunc", "StringSplitV2"} & {node.op for node in nodes}


def has_gpu():
    if not ON_TENSORFLOW:
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@pytest.mark.skipif(not has_gpu(), reason="needs a GPU that TensorFlow sees")
def test_a_gpu_uses_cudnn():
    import tensorflow as tf

    model = Seq2Seq(9, 9, units=4, embedding=3, attention=LuongAttention(), placement="after")
    model.build()
    step = tf.function(
        lambda source, target: model((source, target), training=True), autograph=False
    )
    definition = step.get_concrete_function(SOURCE, TARGET).graph.as_graph_def()
    kinds = [node.op for node in definition.node]
    kinds += [node.op for body in definition.library.function for node in body.node_def]
    assert kinds.count("CudnnRNNV3") + kinds.count("CudnnRNN") == 3
