import random
import sys
import unicodedata

import pytest
import tensorflow as tf

from keras_attention.text.graph_normalization import normalize as normalize_graph

POINTS = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
DECOMPOSABLE = [point for point in POINTS if unicodedata.normalize("NFD", point) != point]
MARKS = [point for point in POINTS if unicodedata.combining(point)]
PARTS = sorted(set("".join(unicodedata.normalize("NFD", point) for point in DECOMPOSABLE)))
JAMO = [chr(point) for point in (*range(0x1100, 0x1113), *range(0x1161, 0x1176))]
JAMO += [chr(point) for point in range(0x11A7, 0x11C3)]
SYLLABLES = [chr(point) for point in range(0xAC00, 0xD7A4)]

normalize = tf.function(normalize_graph, input_signature=[tf.TensorSpec([None], tf.string)])


def check(texts):
    found = normalize(tf.constant([text.encode() for text in texts])).numpy().tolist()
    wrong = [
        (ascii(text), ascii(result.decode()))
        for text, result in zip(texts, found, strict=True)
        if result.decode() != unicodedata.normalize("NFC", text)
    ]
    assert not wrong, wrong[:5]


def draw(seed, pools, count, longest):
    generator = random.Random(seed)
    for _ in range(count):
        length = generator.randint(0, longest)
        yield "".join(generator.choice(generator.choice(pools)) for _ in range(length))


def test_every_code_point_alone():
    check(POINTS)


def test_every_code_point_decomposed():
    check([unicodedata.normalize("NFD", point) for point in POINTS])


def test_every_hangul_syllable_decomposed_and_half_composed():
    check([unicodedata.normalize("NFD", syllable) for syllable in SYLLABLES])
    check([syllable + trailing for syllable in SYLLABLES[::7] for trailing in JAMO[-28::5]])


def test_every_pair_of_jamo():
    check([first + second for first in JAMO for second in JAMO])


@pytest.mark.parametrize(
    "pools",
    [
        [PARTS, MARKS],
        [PARTS, MARKS, DECOMPOSABLE, POINTS],
        [JAMO, SYLLABLES, ["\u0301", "\u302e", "a"]],
        [list("aAoO"), list("\u0301\u0302\u0308\u0304\u0323\u0327\u0328\u031b\u0316\u0338\u0345")],
    ],
    ids=["starters and marks", "anything", "hangul", "stacked latin marks"],
)
def test_random_sequences(pools):
    check(list(draw(1, pools, 10_000, 10)))


def test_long_lines_beside_short_ones():
    check([*draw(2, [PARTS, MARKS, ["a"]], 3, 5000), "", "a" * 5000, "a" + "\u0301\u0323" * 500])


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["", ""],
        ["plain", "", "漢字 한국어 😀"],
        ["", "e\u0301", "", "plain"],
        ["e\0\u0301"],
    ],
    ids=ascii,
)
def test_small_batches(texts):
    found = normalize(tf.constant([text.encode() for text in texts], tf.string))
    expected = [unicodedata.normalize("NFC", text).encode() for text in texts]
    assert found.numpy().tolist() == expected
    eager = normalize_graph(tf.constant([text.encode() for text in texts], tf.string))
    assert eager.numpy().tolist() == expected


def test_invalid_utf8_reads_as_python_reads_it():
    generator = random.Random(3)
    surrogate, overlong, beyond = b"\xed\xa0\x80", b"\xf0\x82\x82\xac", b"\xf4\x90\x80\x80"
    pieces = [
        b"A",
        b"\xcc\x81",
        surrogate,
        overlong,
        beyond,
        b"\xc3",
        b"\xe3",
        b"\xf0\x9f",
        b"\xff",
    ]
    pieces += [b"\x80", b"\xbf", b"\xc0\xaf", b"\xe0\x80"]
    lines = [b"".join(generator.choices(pieces, k=4)) for _ in range(5000)]
    for line, found in zip(lines, normalize(tf.constant(lines)).numpy(), strict=True):
        assert found.decode() == unicodedata.normalize("NFC", line.decode("utf-8", "replace"))


class Normalizer(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        return normalize_graph(texts)


def operations(graph_def):
    nodes = [*graph_def.node, *(node for f in graph_def.library.function for node in f.node_def)]
    return {node.op for node in nodes}


def test_a_saved_model_holds_core_operations_alone(tmp_path):
    module = Normalizer()
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    texts = tf.constant(["e\u0301", "", "\u1112\u1161\u11ab", "plain"])
    assert [text.decode() for text in loaded(texts).numpy()] == ["é", "", "한", "plain"]
    graph = module.__call__.get_concrete_function().graph.as_graph_def()
    # tf.raw_ops has every operation of TensorFlow itself, and none of another library's.
    assert operations(graph) <= set(dir(tf.raw_ops))
    assert graph.ByteSize() < 500_000
