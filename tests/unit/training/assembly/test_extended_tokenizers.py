import pytest

from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import CharacterTokenizer, SubwordTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.assembly.extended_tokenizers import extend_tokenizers
from keras_attention.training.recipe.text_config import TextConfig

KNOWN = CharacterTokenizer(Vocabulary("abc"), normalization="nfd", lowercase=True)
PAIRS = [("ABé", "x x y"), ("za", "y x"), ("z", "z")]


def extend(source=KNOWN, target=None, pairs=PAIRS, **text):
    target = target or WordTokenizer(Vocabulary(["y"]))
    return extend_tokenizers((source, target), TextConfig(**text), pairs)


def test_known_tokens_keep_their_ids_and_new_ones_follow_by_frequency():
    source, target = extend()
    assert source.vocabulary.tokens[4:] == ("a", "b", "c", "z", "e", "\u0301")
    assert target.vocabulary.tokens[4:] == ("y", "x", "z")
    assert source.normalizer == KNOWN.normalizer
    assert isinstance(source, CharacterTokenizer) and isinstance(target, WordTokenizer)


def test_rare_tokens_stay_unknown():
    assert extend(min_count=2)[0].vocabulary.tokens[4:] == ("a", "b", "c", "z")


def test_a_vocabulary_size_includes_known_tokens_and_the_rest_is_reported(caplog):
    source, _ = extend(source_vocabulary_size=4)
    assert source.vocabulary.tokens[4:] == ("a", "b", "c", "z")
    assert "2 new tokens stay unknown" in caplog.text
    assert extend(source_vocabulary_size=2)[0].vocabulary == KNOWN.vocabulary


def test_a_joint_vocabulary_grows_by_the_tokens_of_both_sides():
    source, target = extend(KNOWN, KNOWN, joint_vocabulary=True)
    assert source.vocabulary == target.vocabulary
    assert {"x", "z", " "} < set(source.vocabulary.tokens)


@pytest.fixture(scope="module")
def subwords():
    return SubwordTokenizer(learn_subwords(["abab abba", "baba abab"] * 3, 9))


def test_a_subword_tokenizer_that_knows_all_characters_does_not_change(subwords):
    assert extend(target=subwords, pairs=[("a", "ab  ba")])[1] is subwords


def test_new_characters_become_pieces_after_the_known_ones_unless_they_are_rare(subwords, caplog):
    caplog.set_level("INFO")
    pairs = [("a", "abξ"), ("a", "ξb abba"), ("a", "ηa")]
    target = extend(target=subwords, pairs=pairs)[1]
    assert target.vocabulary.tokens == (*subwords.vocabulary.tokens, "ξ", "η")
    assert target.split("abba baba") == subwords.split("abba baba")
    assert "target vocabulary: 5 subwords of the model, 2 new characters" in caplog.text
    frequent = extend(target=subwords, pairs=pairs, min_count=2)[1]
    assert frequent.vocabulary.tokens == (*subwords.vocabulary.tokens, "ξ")
    assert extend(target=subwords, pairs=pairs, min_count=3)[1] is subwords


def test_joint_subwords_get_the_new_characters_of_both_sides(subwords):
    source, target = extend(subwords, subwords, pairs=[("ξa", "bη")], joint_vocabulary=True)
    assert source.to_bytes() == target.to_bytes()
    assert {"ξ", "η"} <= set(source.vocabulary.tokens)


def test_only_the_given_sides_are_extended():
    words = WordTokenizer(Vocabulary(["y"]))
    source, target = extend_tokenizers((KNOWN, words), TextConfig(), PAIRS, ["target"])
    assert source is KNOWN and "x" in target.vocabulary
