import pytest
import sentencepiece

from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.text.piece_model import PieceModel
from keras_attention.text.subword_tokenizer import even_spaces

SENTENCES = ["low lower lowest new newer newest"] * 3 + ["wide wider widest 고양이 고양이가"]
TEXTS = ["low newest", "lowßer 한", "ßß 😀low😀", "unknownß", "ßxx한", "", "고양이ß가"]
ADDED = "ß한😀"


@pytest.fixture(params=["unigram", "bpe"])
def known(request):
    model = learn_subwords(SENTENCES, 26, model_type=request.param)
    return SubwordTokenizer(model, normalization="nfkc", lowercase=True, strip=True)


def test_known_pieces_keep_their_ids_and_the_characters_follow(known):
    more = known.with_characters(ADDED)
    assert more.vocabulary.tokens == (*known.vocabulary.tokens, *ADDED)
    assert more.normalizer == known.normalizer
    assert more.model_type == known.model_type
    assert known.with_characters("ß\0é").vocabulary.tokens[-2:] == ("ß", "é")
    assert more.with_characters("é").vocabulary.tokens[-2:] == ("😀", "é")


def test_only_the_new_characters_of_a_text_get_other_ids(known):
    more = known.with_characters(ADDED)
    for text in TEXTS:
        kept = [id_ for id_ in more.encode(text) if id_ < len(known.vocabulary)]
        if "x" not in text and "k" not in text:
            assert UNKNOWN_ID not in kept
            assert kept == [id_ for id_ in known.encode(text) if id_ != UNKNOWN_ID]
    for text in ("low newest", "x lower k", "고양이가xlow"):
        assert more.encode(text) == known.encode(text)


def test_both_implementations_split_texts_with_the_new_characters_in_the_same_way(known):
    more = known.with_characters(ADDED)
    package = sentencepiece.SentencePieceProcessor(model_proto=more.model)
    ours = PieceModel(more.model)
    assert package.get_piece_size() == ours.get_piece_size() == len(known.vocabulary) + 3
    for text in map(even_spaces, TEXTS):
        assert ours.encode(text) == package.encode(text, out_type=str)


def test_a_piece_is_split_without_a_space_before_it(known):
    assert known.split_piece("low") != known.split_piece("▁low")
    for piece in ("newer", "▁newer", "ßlow"):
        assert "".join(known.split_piece(piece)) == piece
