import logging
import random
import sys

import pytest

from keras_attention.errors import InputError
from keras_attention.special_tokens import SPECIAL_TOKENS
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.text import subword_learning as learning

WORDS = "the cat sat on a mat and the dog ran after it while 고양이 sleeps in Übersee".split()


def sentences(count=300, seed=1):
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=8)) for _ in range(count)]


def pieces(model):
    return SubwordTokenizer(model).vocabulary.tokens


@pytest.mark.parametrize("model_type", learning.MODEL_TYPES)
def test_equal_arguments_return_equal_bytes(model_type):
    models = {learn_subwords(sentences(), 40, model_type=model_type) for _ in range(2)}
    assert len(models) == 1
    (model,) = models
    assert len(pieces(model)) == 40
    assert pieces(model)[:4] == SPECIAL_TOKENS
    assert SubwordTokenizer(model).model_type == model_type


def test_learning_prints_nothing(capfd):
    logging.getLogger().setLevel(logging.WARNING)
    learn_subwords(sentences(), 40)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model_type", learning.MODEL_TYPES)
def test_the_error_for_too_large_a_size_names_the_largest_possible_size(model_type):
    with pytest.raises(
        InputError, match=r"^expected at most \d+ subwords.* Received: 5000\.$"
    ) as e:
        learn_subwords(sentences(), 5000, model_type=model_type)
    largest = int(str(e.value).split()[3])
    assert len(pieces(learn_subwords(sentences(), largest, model_type=model_type))) == largest
    with pytest.raises(InputError, match=rf"at most {largest} "):
        learn_subwords(sentences(), largest + 1, model_type=model_type)


def test_the_error_for_too_small_a_size_names_the_smallest_possible_size():
    characters = len({*"".join(sentences()).replace(" ", "▁"), *SPECIAL_TOKENS})
    with pytest.raises(InputError, match=rf"at least {characters} subwords.* Received: 6\.$"):
        learn_subwords(sentences(), 6)
    assert len(pieces(learn_subwords(sentences(), characters))) == characters


@pytest.mark.parametrize("size", [4, 0, -1])
def test_a_size_without_subwords_is_rejected(size):
    with pytest.raises(InputError, match=rf"expected at least 5 subwords, .*: {size}\."):
        learn_subwords(sentences(), size)


@pytest.mark.parametrize("texts", [[], [""], [" \t\u3000", "▁"]], ids=repr)
def test_empty_text_is_rejected(texts):
    with pytest.raises(InputError, match="expected text to learn subwords from"):
        learn_subwords(texts, 10)


def test_special_tokens_in_the_text_are_ordinary_text():
    texts = ["<s> hello </s> <unk> <pad>", "<s>hello</s>"] * 20
    tokens = pieces(learn_subwords(texts, 9))
    assert set(SPECIAL_TOKENS).isdisjoint(tokens[4:])


def test_white_space_of_any_kind_counts_as_one_space():
    plain, odd = ["to be or not"] * 5, ["\u3000to\tbe\u00a0 or▁\r\nnot "] * 5
    assert learn_subwords(plain, 12) == learn_subwords(odd, 12)


def test_long_sentences_and_rare_characters_are_not_skipped():
    tokens = pieces(learn_subwords(["x" + "ab " * 5000, "c\u2585d\0\ue000😀"], 13))
    assert {*"xabcd😀\ue000▁"} <= set(tokens)


def test_rare_characters_are_left_out_by_coverage():
    tokens = pieces(learn_subwords(["aaaa bbbb"] * 100 + ["z"], 8, character_coverage=0.99))
    assert "z" not in tokens


def test_rare_characters_are_left_out_by_count():
    texts = [f"{'ab' * 4}c{'ab' * 4} d"] * 3 + ["abde"] * 2
    assert {*"cde"} <= set(pieces(learn_subwords(texts, 12, min_count=2)))
    tokens = pieces(learn_subwords(texts, 11, min_count=4))
    assert {*"cde"} & {*"".join(tokens[4:])} == {"d"}
    with pytest.raises(InputError, match="expected text"):
        learn_subwords(texts, 12, min_count=99)


def test_a_sample_of_very_many_sentences_is_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr(learning, "_MOST_SENTENCES", 20)
    first, again, other = (learn_subwords(sentences(), 40, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match="`model_type` must be one of 'unigram', 'bpe'"):
        learn_subwords(sentences(), 50, model_type="word")
    for share in (0.5, 1.1):
        with pytest.raises(ValueError, match="`character_coverage` must be from 0.98 to 1"):
            learn_subwords(sentences(), 50, character_coverage=share)


def test_a_missing_sentencepiece_package_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InputError, match="pip install sentencepiece"):
        learn_subwords(sentences(), 50)
