import pytest

from keras_attention import (
    CharacterTokenizer,
    SubwordTokenizer,
    Vocabulary,
    WordTokenizer,
    learn_subwords,
)


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def pieces(request):
    lines = ["low lower lowest", "new newer newest"]
    return SubwordTokenizer(learn_subwords(lines, 18, model_type=request.param))


def test_characters_between_white_space():
    tokenizer = CharacterTokenizer(Vocabulary(""))
    assert tokenizer.number_words("ab c") == [0, 0, None, 1]
    assert tokenizer.number_words(" ab\u3000\tc ") == [None, 0, 0, None, None, 1, None]
    assert tokenizer.number_words("") == []


def test_words_are_words():
    tokenizer = WordTokenizer(Vocabulary([]))
    assert tokenizer.number_words(tokenizer.split(" two   words ")) == [0, 1]


@pytest.mark.parametrize(
    "text", ["newest low", "  low   newer lowest ", "xxx newxx low x", "", "n l"]
)
def test_pieces_of_a_word(pieces, text):
    tokens = pieces.split(text)
    numbers = pieces.number_words(tokens)
    words = text.split()
    assert len(numbers) == len(tokens)
    for number, word in enumerate(words):
        mine = [token for token, its in zip(tokens, numbers, strict=True) if its == number]
        assert "".join(mine) == f"▁{word}"
    assert set(numbers) == set(range(len(words)))


def test_an_output_need_not_begin_with_a_space(pieces):
    assert pieces.number_words(["est", "▁", "low", "<unk>", "▁new"]) == [0, 1, 1, 1, 2]
