import numpy as np
import pytest

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.assembly.token_origins import codec_origins, remap, token_origins
from keras_attention.translation.codec import TextCodec

SPECIAL = [[0], [1], [2], [3]]
TEXTS = ["low lower lowest", "newer newest"]


def subwords(texts=TEXTS, size=17, kind="unigram"):
    return SubwordTokenizer(learn_subwords(texts, size, model_type=kind))


def tokens_of(origins, trained):
    return ["".join(trained.vocabulary.decode(ids)) for ids in origins]


def test_a_known_word_starts_from_itself_and_a_new_word_has_no_origin():
    trained, new = (WordTokenizer(Vocabulary(words.split())) for words in ("a b c", "c x a"))
    assert token_origins(trained, new) == [*SPECIAL, [6], [], [4]]
    assert token_origins(trained, trained) == [[id_] for id_ in range(7)]


def test_values_of_features_start_from_themselves_or_from_nothing():
    def codec(**values):
        words = WordTokenizer(Vocabulary(["a"]), features=SourceFeatures(values))
        return TextCodec(words, WordTokenizer(Vocabulary(["b"])), SearchSettings(5, 5))

    trained = codec(language=["fre", "kor"], domain=["news"])
    origins = codec_origins(trained, codec(language=["ice", "kor"], domain=["talk", "news"]))
    assert origins == [[*SPECIAL, [4]], [*SPECIAL, [4]], [*SPECIAL, [], [5]], [*SPECIAL, [], [4]]]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_new_subwords_start_from_the_pieces_that_spell_them(kind):
    trained = subwords(kind=kind)
    new = subwords(["lower lower", "ten ten wot"], 13, kind)
    origins = token_origins(trained, new)
    assert origins[:4] == SPECIAL
    assert tokens_of(origins, trained)[4:] == list(new.vocabulary.tokens[4:])
    lengths = {len(ids) for token, ids in zip(new.vocabulary.tokens, origins, strict=True)}
    assert {1, 2} <= lengths
    for token, ids in zip(new.vocabulary.tokens, origins, strict=True):
        if token in trained.vocabulary:
            assert len(ids) == 1


def test_unknown_characters_have_no_origins_and_do_not_count_in_longer_pieces():
    trained = subwords()
    assert token_origins(trained, trained.with_characters("ßé"))[-2:] == [[], []]
    new = subwords(["ßlow ßlow ßlow", "low"], 11)
    found = dict(zip(new.vocabulary.tokens, token_origins(trained, new), strict=True))
    assert found["ß"] == []
    longer = [token for token in found if "ß" in token and len(token) > 1]
    assert longer
    for token in longer:
        assert "".join(trained.vocabulary.decode(found[token])) == token.replace("ß", "")


@pytest.mark.parametrize("axis", [0, 1])
def test_weights_are_the_means_of_those_of_the_origins(axis):
    values = np.random.default_rng(1).normal(size=(9, 9)).astype("float32")
    origins = [*SPECIAL, [5], [], [4, 8], [7, 7, 6], []]
    found = np.moveaxis(remap(values, origins, axis), axis, 0)
    rows = np.moveaxis(values, axis, 0)
    np.testing.assert_array_equal(found[:5], rows[[0, 1, 2, 3, 5]])
    np.testing.assert_allclose(found[5], rows[4:].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(found[8], found[5])
    np.testing.assert_allclose(found[6], (rows[4] + rows[8]) / 2, rtol=1e-6)
    np.testing.assert_allclose(found[7], rows[[7, 7, 6]].mean(0), rtol=1e-6)
    assert found.dtype == values.dtype


def test_a_vector_is_remapped_and_a_vocabulary_without_tokens_gives_the_mean_of_special_tokens():
    np.testing.assert_array_equal(
        remap(np.array([1, 2, 3, 4, 8, 6], "float32"), [*SPECIAL, [4, 5], []], 0),
        [1, 2, 3, 4, 7, 7],
    )
    np.testing.assert_array_equal(
        remap(np.array([1, 2, 3, 4], "float32"), [*SPECIAL, []], 0), [1, 2, 3, 4, 2.5]
    )
