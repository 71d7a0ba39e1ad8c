import pytest

from keras_attention.errors import InputError
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


def test_the_pieces_of_a_subword_tokenizer_do_not_change(subwords):
    assert extend(target=subwords, pairs=[("a", "ab  ba")])[1] is subwords


def test_characters_without_a_piece_are_refused_unless_they_are_rare(subwords):
    pairs = [("a", "abξ"), ("a", "ξb"), ("a", "ηa")]
    with pytest.raises(InputError) as error:
        extend(target=subwords, pairs=pairs)
    assert "the target subwords of the model given with --from lack" in str(error.value)
    assert "set text.min_count above 2" in str(error.value)
    assert str(error.value).endswith("Received: 'ξ', 'η'.")
    assert extend(target=subwords, pairs=pairs, min_count=3)[1] is subwords
