import random
import sys

import pytest
import tensorflow as tf
from graph_twins import (
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

from keras_attention.text import CharacterTokenizer, Tokenizer, WordTokenizer
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.vocabulary import Vocabulary


@pytest.fixture(scope="module", params=GOLDEN_NAMES)
def tokenizer(request):
    return load_golden(request.param)


@pytest.fixture(scope="module")
def exported(tokenizer):
    return Exported(tokenizer)


def test_the_golden_ids_are_reproduced(tokenizer, exported):
    texts = [line["text"] for line in LINES]
    expected = padded([line[tokenizer.name] for line in LINES], 0)
    assert exported.encode(to_tensor(texts)).numpy().tolist() == expected


def test_single_golden_lines_have_the_same_ids(tokenizer, exported):
    for line in LINES:
        assert exported.encode(to_tensor([line["text"]])).numpy().tolist() == [line[tokenizer.name]]
        check(tokenizer, exported, [line["text"]])


@pytest.mark.parametrize("texts", [[], [""], ["", ""], [" "], ["a", "", "to be, or"]], ids=repr)
def test_small_batches_have_the_same_ids_as_in_python(tokenizer, exported, texts):
    check(tokenizer, exported, texts)


def test_random_texts_have_the_same_ids_as_in_python(tokenizer, exported):
    generator = random.Random(1)
    pieces = [token for token in tokenizer.vocabulary.tokens if "\n" not in token]
    pieces += list(" \t\n\r\x0b\x1c\u0085\u00a0\u2000\u2003\u3000\u200b\0\ufeff")
    pieces += list("\u2028\u180e\u200d\u200e\u200f\u202e\u2066\ufe0f\ufffe\U000e0061")
    pieces += ["e\u0301", "\u0323", "\u1112", "\u1161", "\u11ab", "\u212b", "\U0001f468\u200d"]
    texts = ["".join(generator.choices(pieces, k=generator.randint(0, 20))) for _ in range(3000)]
    check(tokenizer, exported, texts)


def test_random_code_points_have_the_same_ids_as_in_python(tokenizer, exported):
    generator = random.Random(2)
    points = [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    texts = ["".join(map(chr, generator.choices(points, k=30))) for _ in range(1000)]
    check(tokenizer, exported, texts)


def test_random_ids_have_the_same_text_as_in_python(tokenizer, exported):
    generator = random.Random(3)
    size = len(tokenizer.vocabulary)
    for width in (0, 1, 12):
        rows = [[generator.randrange(size) for _ in range(width)] for _ in range(300)]
        rows += [[generator.randrange(5) for _ in range(width)] for _ in range(300)]
        ids = tf.constant(rows, tf.int32, [len(rows), width])
        assert decoded(exported.detokenize(ids)) == [tokenizer.decode(row) for row in rows]
        names = ["", *tokenizer.vocabulary.tokens[1:]]
        expected = [[names[id_] for id_ in row] for row in rows]
        assert decoded(exported.id_to_token(ids)) == expected


def test_a_batch_may_have_no_ids(exported):
    ids = tf.zeros([0, 5], tf.int32)
    assert exported.detokenize(ids).shape == [0]
    assert exported.id_to_token(ids).shape == [0, 5]


@pytest.mark.parametrize("shape", [[], [7], [2, 3], [2, 3, 4], [2, 0]])
def test_id_to_token_keeps_any_shape(exported, shape):
    assert exported.graph.id_to_token(tf.zeros(shape, tf.int32)).shape == shape


def test_text_cannot_contain_a_special_token():
    graph = GraphTokenizer(WordTokenizer(Vocabulary(["to"])))
    texts = to_tensor(["<s> to </s> <pad> <unk>"])
    assert graph.encode(texts).numpy().tolist() == [[3, 4, 3, 3, 3, 2]]
    assert decoded(graph.tokens(texts)) == [["<s>", "to", "</s>", "<pad>", "<unk>", "</s>"]]


@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
def test_a_vocabulary_may_be_empty(kind):
    tokenizer = kind(Vocabulary([]))
    check(tokenizer, Exported(tokenizer), ["a b", ""])


def test_invalid_utf8_becomes_the_replacement_character():
    graph = GraphTokenizer(CharacterTokenizer(Vocabulary("a\ufffd")))
    assert graph.encode(tf.constant([b"a\xffa"])).numpy().tolist() == [[4, 5, 4, 2]]


def test_two_tokenizers_keep_their_own_tables():
    first, second = (GraphTokenizer(CharacterTokenizer(Vocabulary(text))) for text in ("ab", "ba"))
    assert first.encode(to_tensor(["ab"])).numpy().tolist() == [[4, 5, 2]]
    assert second.encode(to_tensor(["ab"])).numpy().tolist() == [[5, 4, 2]]


def test_another_kind_of_tokenizer_is_rejected():
    class Bytes(Tokenizer):
        name, separator = "bytes", ""

        def cut(self, text):
            return list(text)

    with pytest.raises(ValueError, match="Received: 'bytes'"):
        GraphTokenizer(Bytes(Vocabulary("ab")))


def test_only_core_operations_are_used(exported):
    for function in (exported.encode, exported.tokens, exported.detokenize, exported.id_to_token):
        assert not foreign_operations(function)


@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
def test_source_features_are_read_as_in_python(kind):
    features = SourceFeatures({"language": ["fre", "한국"], "domain": ["news"]})
    tokenizer = kind(Vocabulary(["a", "b"]), normalization="nfd", strip=True, features=features)
    texts = [
        "<language=한국><domain=news> a b",
        "<domain=news><language=fre>a\n<language=fre> é",
        "<language=fre><domain=news>",
        "<language=fre><domain=news>  <other=x> a",
    ]
    check(tokenizer, Exported(tokenizer), texts)


def test_missing_repeated_and_unknown_source_features_have_the_id_of_unk():
    features = SourceFeatures({"language": ["fre"], "domain": ["news"]})
    graph = GraphTokenizer(CharacterTokenizer(Vocabulary("ab"), features=features))
    texts = {
        "": [3, 3],
        "fre": [3, 3],
        "<language=fre> ab": [4, 3],
        "<language=x><domain=news> ab": [3, 4],
        "<language=fre><domain=news><language=fre> ab": [3, 4],
        "<language=><domain=news> ab": [3, 4],
    }
    assert graph.feature_ids(to_tensor(texts)).numpy().tolist() == list(texts.values())
    assert decoded(graph.feature_tags(to_tensor(["<domain=x> <domain=y>"]))) == ["<domain=x>"]
