"""Helpers for tests of graph tokenizers: golden lines, and a comparison with Python."""

import json
from pathlib import Path

import tensorflow as tf

from keras_attention.text import make_tokenizer
from keras_attention.text.graph.graph_tokenizers import make_graph_tokenizer
from keras_attention.text.vocabulary import Vocabulary

GOLDEN = Path(__file__).parents[3] / "golden" / "text"
GOLDEN_NAMES = ("character", "word")
LINES = json.loads((GOLDEN / "lines.json").read_text(encoding="utf-8"))
TEXTS = tf.TensorSpec([None], tf.string)
IDS = tf.TensorSpec([None, None], tf.int32)


class Exported(tf.Module):
    """The four functions that a saved model would contain, for inputs of any shape."""

    def __init__(self, tokenizer):
        super().__init__()
        graph = self.graph = make_graph_tokenizer(tokenizer)
        self.encode = tf.function(graph.encode, input_signature=[TEXTS], autograph=False)
        self.tokens = tf.function(graph.tokens, input_signature=[TEXTS], autograph=False)
        self.detokenize = tf.function(graph.detokenize, input_signature=[IDS], autograph=False)
        self.id_to_token = tf.function(graph.id_to_token, input_signature=[IDS], autograph=False)


def load_golden(name):
    """Return the tokenizer of this kind that encoded the golden lines."""
    return make_tokenizer(name, Vocabulary.load(GOLDEN / f"{name}.vocabulary.txt"))


def to_tensor(texts):
    return tf.constant([text.encode() for text in texts], tf.string)


def padded(rows, padding):
    width = max(map(len, rows), default=0)
    return [[*row, *[padding] * (width - len(row))] for row in rows]


def decoded(strings):
    return tf.nest.map_structure(bytes.decode, strings.numpy().tolist())


def check(tokenizer, exported, texts):
    ids = exported.encode(to_tensor(texts))
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == padded([tokenizer.encode(text) for text in texts], 0)
    expected = padded([tokenizer.tokens(text) for text in texts], "")
    assert decoded(exported.tokens(to_tensor(texts))) == expected
    expected = [tokenizer.decode(row) for row in ids.numpy().tolist()]
    assert decoded(exported.detokenize(ids)) == expected


def foreign_operations(function):
    """Return the operations in a function's graph that are not part of TensorFlow itself."""
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    # tf.raw_ops contains all operations of TensorFlow, but none of other libraries.
    return {node.op for node in nodes} - set(dir(tf.raw_ops))
