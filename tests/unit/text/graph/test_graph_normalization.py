import random
import sys
import unicodedata
from functools import cache, partial

import pytest
import tensorflow as tf

from keras_attention.text.graph.graph_normalization import apply_normalizer, normalize
from keras_attention.text.normalization import EDGES, FORMS, Normalizer

POINTS = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
DECOMPOSABLE = [point for point in POINTS if unicodedata.normalize("NFD", point) != point]
MARKS = [point for point in POINTS if unicodedata.combining(point)]
PARTS = sorted(set("".join(unicodedata.normalize("NFD", point) for point in DECOMPOSABLE)))
COMPATIBLE = [point for point in POINTS if unicodedata.normalize("NFKD", point) != point]
CASED = [point for point in POINTS if point.lower() != point]
ASSIGNED = [point for point in POINTS if unicodedata.category(point) not in ("Cn", "Co")]
JAMO = [chr(point) for point in (*range(0x1100, 0x1113), *range(0x1161, 0x1176))]
JAMO += [chr(point) for point in range(0x11A7, 0x11C3)]
SYLLABLES = [chr(point) for point in range(0xAC00, 0xD7A4)]

TEXTS = tf.TensorSpec([None], tf.string)
NORMALIZERS = [Normalizer(form, lowercase) for form in FORMS for lowercase in (False, True)]


@pytest.fixture(scope="module", params=NORMALIZERS, ids=str)
def normalizer(request):
    return request.param


@cache
def twin(normalizer):
    function = partial(apply_normalizer, normalizer)
    return tf.function(function, input_signature=[TEXTS], autograph=False)


def check(normalizer, texts):
    found = twin(normalizer)(tf.constant([text.encode() for text in texts])).numpy().tolist()
    wrong = [
        (ascii(text), ascii(result.decode()))
        for text, result in zip(texts, found, strict=True)
        if result.decode() != normalizer(text)
    ]
    assert not wrong, wrong[:5]


def draw(seed, pools, count, longest):
    generator = random.Random(seed)
    for _ in range(count):
        length = generator.randint(0, longest)
        yield "".join(generator.choice(generator.choice(pools)) for _ in range(length))


def test_every_single_code_point_is_normalized_as_in_python():
    check(Normalizer(), POINTS)


# These use all tables: composition, canonical decomposition, compatibility decomposition and lower
# case. The other normalizers share the tables, so they are tested on a sample.
WHOLE_RANGE = [Normalizer("nfkc", lowercase=True), Normalizer("nfd")]


def points(normalizer):
    return ASSIGNED if normalizer in WHOLE_RANGE else ASSIGNED[::37]


def test_every_assigned_code_point_is_normalized_as_in_python(normalizer):
    check(normalizer, points(normalizer))


def test_every_decomposed_code_point_is_normalized_as_in_python(normalizer):
    check(normalizer, [unicodedata.normalize("NFD", point) for point in points(normalizer)])


def test_decomposed_and_half_composed_hangul_is_normalized_as_in_python():
    check(Normalizer(), [unicodedata.normalize("NFD", syllable) for syllable in SYLLABLES])
    halves = [syllable + trailing for syllable in SYLLABLES[::7] for trailing in JAMO[-28::5]]
    check(Normalizer(), halves)


def test_every_pair_of_jamo_is_normalized_as_in_python(normalizer):
    check(normalizer, [first + second for first in JAMO for second in JAMO])


@pytest.mark.parametrize(
    "pools",
    [
        [PARTS, MARKS],
        [PARTS, MARKS, DECOMPOSABLE, COMPATIBLE, CASED, POINTS],
        [JAMO, SYLLABLES, ["\u0301", "\u302e", "a", "\u320e"]],
        [list("aAoO"), list("\u0301\u0302\u0308\u0304\u0323\u0327\u0328\u031b\u0316\u0338\u0345")],
        [list("ΣσςJİIΑ .'"), ["\u030c", "\u0307"], CASED],
    ],
    ids=["starters and marks", "anything", "hangul", "stacked latin marks", "cases"],
)
def test_random_sequences_are_normalized_as_in_python(normalizer, pools):
    check(normalizer, list(draw(1, pools, 5_000, 10)))


def test_a_batch_may_mix_long_and_short_lines(normalizer):
    long = [*draw(2, [PARTS, MARKS, ["a"], COMPATIBLE], 3, 5000)]
    check(normalizer, [*long, "", "a" * 5000, "a" + "\u0301\u0323" * 500])


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["", ""],
        ["plain", "", "漢字 한국어 😀"],
        ["", "e\u0301", "", "plain"],
        ["e\0\u0301"],
        ["PLAIN", "", "ﬁ"],
    ],
    ids=ascii,
)
def test_small_batches_are_normalized_as_in_python(normalizer, texts):
    batch = tf.constant([text.encode() for text in texts], tf.string)
    expected = [normalizer(text).encode() for text in texts]
    assert twin(normalizer)(batch).numpy().tolist() == expected
    assert apply_normalizer(normalizer, batch).numpy().tolist() == expected


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_ends_are_stripped_as_in_python(form, lowercase):
    """Test all characters that are stripped, similar ones, and some that "nfkc" replaces."""
    others = (
        "\0\x1a\x1b\x1c\x1d\x1e\x1f\u00ad\u180e\u200c\u200d\u202a\u2028\u2061\ufe0f\ufe49\u00a8"
    )
    texts = ["", EDGES, EDGES[::-1]]
    for edge in EDGES + others:
        texts += [
            edge,
            edge * 3,
            f"{edge}A",
            f"A{edge}",
            f"{edge}E\u0301 {edge}ﬁ{edge}",
            f"a{edge}b",
        ]
        texts += [f"{edge}\u0301b{edge}", f"{edge}\n{edge}", f"{edge}\u1112\u1161\u11ab\r\n{edge}"]
    texts += draw(4, [[*EDGES], [*"aÉﬁ漢"], ["\u0301", "\u200d"]], 3000, 8)
    check(Normalizer(form, lowercase, strip=True), texts)


def test_invalid_utf8_is_decoded_as_in_python():
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
    for normalizer in (Normalizer(), Normalizer("nfkc", lowercase=True)):
        for line, found in zip(lines, twin(normalizer)(tf.constant(lines)).numpy(), strict=True):
            assert found.decode() == normalizer(line.decode("utf-8", "replace"))


class Module(tf.Module):
    @tf.function(input_signature=[TEXTS])
    def __call__(self, texts):
        return apply_normalizer(Normalizer("nfkc", lowercase=True), texts)


def operations(graph_def):
    nodes = [*graph_def.node, *(node for f in graph_def.library.function for node in f.node_def)]
    return {node.op for node in nodes}


def test_a_saved_model_contains_only_core_operations(tmp_path):
    module = Module()
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    texts = tf.constant(["E\u0301", "", "\u1112\u1161\u11ab", "plain ﬁ"])
    assert [text.decode() for text in loaded(texts).numpy()] == ["é", "", "한", "plain fi"]
    graph = module.__call__.get_concrete_function().graph.as_graph_def()
    # tf.raw_ops contains all operations of TensorFlow, but none of other libraries.
    assert operations(graph) <= set(dir(tf.raw_ops))
    assert graph.ByteSize() < 600_000


def test_the_tables_of_nfc_are_small():
    graph = tf.function(normalize, input_signature=[TEXTS]).get_concrete_function().graph
    assert graph.as_graph_def().ByteSize() < 200_000
