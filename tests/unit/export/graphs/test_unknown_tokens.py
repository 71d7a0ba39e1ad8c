"""The graph and Python replace `<unk>` with the same source tokens."""

import numpy as np
import tensorflow as tf

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.graphs.unknown_tokens import replace_unknown
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import TextCodec

# The second source is shorter, and its `</s>` is an ordinary word. The third has no words.
SOURCES = ["who knows Seoul well", "one </s>", ""]
IDS = [
    [[4, 3, 3, 2, 0], [3, 3, 3, 3, 3], [2, 0, 0, 0, 0]],
    [[3, 5, 3, 2, 0], [3, 2, 3, 0, 0], [4, 4, 3, 2, 0]],
    [[3, 2, 0, 0, 0], [2, 0, 0, 0, 0], [4, 2, 0, 0, 0]],
]


def replace_in_graph_and_python(weights):
    """Return the graph's texts `[3, 3]`, and Python's translations.

    For the empty source Python returns only one hypothesis.
    """
    source, target = WordTokenizer(Vocabulary(["who"])), WordTokenizer(Vocabulary(["a", "b"]))
    codec = TextCodec(source, target, SearchSettings(9, 9, replace_unknown=True))
    found = codec.translations(SOURCES, np.array(IDS), -np.ones((3, 3)), weights)
    reader, writer = GraphTokenizer(source), GraphTokenizer(target)
    source_tokens, ids = reader.tokens(tf.constant(SOURCES)), tf.constant(IDS)
    length = tf.constant([len(source.tokens(text)) for text in SOURCES])
    tokens = replace_unknown(
        ids, writer.id_to_token(ids), tf.constant(weights), source_tokens, length
    )
    texts = writer.join(tf.reshape(ids, [9, 5]), tf.reshape(tokens, [9, 5]))
    for each in range(3):  # one hypothesis per source, as for `search_best`
        np.testing.assert_array_equal(
            replace_unknown(
                ids[:, each],
                writer.id_to_token(ids[:, each]),
                tf.constant(weights[:, each]),
                source_tokens,
                length,
            ),
            tokens[:, each],
        )
    return texts.numpy().reshape(3, 3), found


def test_graph_and_python_replace_unknown_tokens_in_the_same_way():
    weights = np.random.default_rng(3).random((3, 3, 5, 5)).astype("float32")
    weights[:2, 1, 2] = 0  # no weights
    weights[0, 1, 3] = 0.2  # a tie
    weights[0, 0, 1] = [0, 0.1, 0.2, 0, 0.7]  # the largest weight is on </s>
    texts, found = replace_in_graph_and_python(weights)
    assert texts[0, 0].decode() == f"a Seoul {found[0].tokens[2]}"
    assert texts[0, 1].decode().split()[2:4] == ["<unk>", "who"]
    for row, translation in zip(texts[:2], found, strict=False):
        assert [text.decode() for text in row] == [h.text for h in translation.hypotheses]
    assert texts[2, 0].decode() == "<unk>"
