import json
import random
import subprocess
import sys

import pytest
import tensorflow as tf
from graph_twins import (
    GOLDEN,
    GOLDEN_NAMES,
    LINES,
    Exported,
    check,
    decoded,
    foreign_operations,
    load_golden,
    padded,
    to_tensor,
)
from shared_data import SHARED, needs_shared

from keras_attention.errors import InputError
from keras_attention.text import CharacterTokenizer, SubwordTokenizer, learn_subwords
from keras_attention.text.graph.graph_subword import GraphSubwordTokenizer
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.graph.graph_tokenizers import make_graph_tokenizer
from keras_attention.text.vocabulary import Vocabulary

WORDS = "the cat sat on a mat and the dog ran after it while 고양이 sleeps in Übersee".split()
SENTENCES = [" ".join(random.Random(seed).choices(WORDS, k=8)) for seed in range(300)]
SETTINGS = {
    "unigram": {},
    "bpe": {},
    "unigram, letters": {"normalization": "nfd"},
    "bpe, lower case": {"normalization": "nfkc", "lowercase": True},
}


def make(name, sentences=SENTENCES, size=42):
    kind, settings = name.partition(",")[0], SETTINGS[name]
    normalizer = CharacterTokenizer(Vocabulary([]), **settings).normalizer
    model = learn_subwords(map(normalizer, sentences), size, model_type=kind)
    return SubwordTokenizer(model, **settings)


@pytest.fixture(scope="module", params=SETTINGS)
def tokenizer(request):
    return make(request.param)


@pytest.fixture(scope="module")
def exported(tokenizer):
    return Exported(tokenizer)


def test_the_golden_ids_are_reproduced():
    golden = SubwordTokenizer((GOLDEN / "subword.model").read_bytes())
    ids = make_graph_tokenizer(golden).encode(to_tensor([line["text"] for line in LINES]))
    assert ids.numpy().tolist() == padded([line["subword"] for line in LINES], 0)


def test_single_golden_lines_have_the_same_ids_as_in_python(tokenizer, exported):
    for line in LINES[::6]:
        check(tokenizer, exported, [line["text"]])


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_added_characters_have_the_same_ids_as_in_python(kind):
    tokenizer = make(kind).with_characters("漢😀ß")
    texts = ["the 漢cat", "漢字 sat😀", "ßß on", "", "字", "the dog"]
    ids = make_graph_tokenizer(tokenizer).encode(to_tensor(texts)).numpy().tolist()
    assert ids == padded([tokenizer.encode(text) for text in texts], 0)


@pytest.mark.parametrize(
    "texts", [[], [""], ["", ""], [" "], ["▁"], ["a", "", "a cat 漢字 sat"], ["漢"]], ids=repr
)
def test_small_batches_have_the_same_ids_as_in_python(tokenizer, exported, texts):
    check(tokenizer, exported, texts)


def test_random_texts_have_the_same_ids_as_in_python(tokenizer, exported):
    generator = random.Random(1)
    pieces = [*tokenizer.vocabulary.tokens, *WORDS, "漢", "字", "x", "X", "漢字語", "😀", "👍🏽"]
    pieces += list(" ▁\t\n\r\x0b\x1c\u0085\u00a0\u2000\u2003\u3000\u200b\0\ufeff")
    pieces += list("\u2028\u180e\u200d\u200e\u200f\u202e\u2066\ufe0f\ufffe\U000e0061")
    pieces += ["e\u0301", "\u0323", "\u1112", "\u1161", "\u11ab", "\u212b", "\U0001f468\u200d", "ﬁ"]
    texts = ["".join(generator.choices(pieces, k=generator.randint(0, 20))) for _ in range(3000)]
    check(tokenizer, exported, texts)


def test_random_code_points_have_the_same_ids_as_in_python(tokenizer, exported):
    generator = random.Random(2)
    points = [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    texts = ["".join(map(chr, generator.choices(points, k=30))) for _ in range(500)]
    check(tokenizer, exported, texts)


def test_random_ids_have_the_same_text_as_in_python(tokenizer, exported):
    generator = random.Random(3)
    size = len(tokenizer.vocabulary)
    rows = [[generator.randrange(size) for _ in range(12)] for _ in range(300)]
    rows += [[generator.randrange(5) for _ in range(12)] for _ in range(300)]
    texts = decoded(exported.detokenize(tf.constant(rows, tf.int32)))
    assert texts == [tokenizer.decode(row) for row in rows]


def test_ties_after_unknown_characters_are_broken_as_in_python():
    """If an unknown character had its score added once per byte, ties would break differently."""
    generator = random.Random(0)
    syllables = ["oo", "o", "aa", "a", "b"]
    sentences = ["".join(generator.choices(syllables, k=8)) for _ in range(200)]
    tokenizer = make("unigram", sentences, 16)
    texts = ["".join(generator.choices("ooaab漢é😀 ", k=40)) for _ in range(2000)]
    check(tokenizer, Exported(tokenizer), texts)


def test_text_cannot_contain_a_special_token(exported):
    ids = exported.encode(to_tensor(["<s> cat </s> <pad> <unk>"])).numpy().tolist()[0]
    assert ids[-1] == 2
    assert set(ids[:-1]).isdisjoint({0, 1, 2})


def test_invalid_utf8_becomes_the_replacement_character(tokenizer, exported):
    lines = [b"cat\xffcat", b"\xed\xa0\x80", b"\xe2\x96"]
    expected = [tokenizer.tokens(line.decode("utf-8", "replace")) for line in lines]
    assert decoded(exported.tokens(tf.constant(lines))) == padded(expected, "")


def test_only_encoding_needs_an_operation_of_tensorflow_text(tokenizer, exported):
    fast = tokenizer.model_type == "unigram"
    name = "TFText>FastSentencepieceTokenize" if fast else "SentencepieceTokenizeOp"
    for function in (exported.encode, exported.tokens):
        assert foreign_operations(function) == {name}
    for function in (exported.detokenize, exported.id_to_token):
        assert not foreign_operations(function)


def test_a_saved_tokenizer_loads_in_a_process_without_our_code(tmp_path):
    """Character and word tokenizers come first, because they must load without tensorflow_text."""
    texts = ["the cat sat", "", "漢字 고양이", "caf e\u0301", "\u1112\u1161\u11ab"]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    expected = {}
    tokenizers = {name: load_golden(name) for name in GOLDEN_NAMES}
    tokenizers |= {name: make(name) for name in ("unigram", "bpe")}
    for name, tokenizer in tokenizers.items():
        tf.saved_model.save(Exported(tokenizer), str(tmp_path / name))
        ids = [tokenizer.encode(text) for text in texts]
        expected[name] = [padded(ids, 0), [tokenizer.decode(row) for row in ids]]
    code = f"""
import json, sys, tensorflow as tf
texts = tf.constant([text.encode() for text in json.load(open("texts.json"))])
def run(name):
    model = tf.saved_model.load(name)
    ids = model.encode(texts)
    return ids.numpy().tolist(), [text.decode() for text in model.detokenize(ids).numpy()]
found = {{name: run(name) for name in {list(GOLDEN_NAMES)}}}
others = [name for name in ("tensorflow_text", "keras_attention") if name in sys.modules]
import tensorflow_text
found |= {{name: run(name) for name in ("unigram", "bpe")}}
json.dump([found, others], open("found.json", "w"))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "found.json").read_text()) == [expected, []]


def test_the_kind_is_chosen_by_the_tokenizer(tokenizer):
    assert type(make_graph_tokenizer(tokenizer)) is GraphSubwordTokenizer
    with pytest.raises(ValueError, match="one of 'character', 'word'. Received: 'subword'"):
        GraphTokenizer(tokenizer)


def test_only_encoding_requires_tensorflow_text(monkeypatch, tokenizer):
    graph = make_graph_tokenizer(tokenizer)
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    assert decoded(graph.detokenize(tf.constant([[4, 2]]))) == [tokenizer.decode([4])]
    with pytest.raises(InputError, match="pip install tensorflow-text"):
        graph.encode(to_tensor(["cat"]))


@needs_shared
@pytest.mark.parametrize("name", ["unigram, letters", "bpe, lower case"])
def test_real_lines_have_the_same_ids_as_in_python(name):
    files = sorted(path for path in SHARED.rglob("*") if path.suffix in (".tsv", ".txt"))
    files += sorted(path for path in SHARED.rglob("*.*") if path.suffix in (".en", ".de", ".fr"))
    samples = [path.read_text(encoding="utf-8").split("\n") for path in files]
    sentences = [line for lines in samples for line in lines[: len(lines) // 20]]
    tokenizer = make(name, sentences[::2], 3000)
    exported = Exported(tokenizer)
    texts = [line for lines in samples for line in lines[:: max(1, len(lines) // 100)]]
    assert len(texts) > 3000
    for start in range(0, len(texts), 512):
        check(tokenizer, exported, texts[start : start + 512])
