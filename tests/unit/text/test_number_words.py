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


def test_characters_are_numbered_by_words():
    tokenizer = CharacterTokenizer(Vocabulary(""))
    assert tokenizer.number_words("ab c") == [0, 0, None, 1]
    assert tokenizer.number_words(" ab\u3000\tc ") == [None, 0, 0, None, None, 1, None]
    assert tokenizer.number_words("") == []


def test_every_word_has_its_own_number():
    tokenizer = WordTokenizer(Vocabulary([]))
    assert tokenizer.number_words(tokenizer.split(" two   words ")) == [0, 1]


@pytest.mark.parametrize(
    "text", ["newest low", "  low   newer lowest ", "xxx newxx low x", "", "n l"]
)
def test_pieces_are_numbered_by_words(pieces, text):
    tokens = pieces.split(text)
    numbers = pieces.number_words(tokens)
    words = text.split()
    assert len(numbers) == len(tokens)
    for number, word in enumerate(words):
        mine = [token for token, its in zip(tokens, numbers, strict=True) if its == number]
        assert "".join(mine) == f"▁{word}"
    assert set(numbers) == set(range(len(words)))


def test_the_first_piece_of_an_output_may_lack_its_space(pieces):
    assert pieces.number_words(["est", "▁", "low", "<unk>", "▁new"]) == [0, 1, 1, 1, 2]


NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two words", [0, 1]),
        (" two  words\t here ", [0, 1, 2]),
        (f"five{NBSP}three four six", [0, 0, 1, 2]),
        (f"10{NBSP}000\u2009000 mots{NBSP}!", [0, 0, 0, 1, 1]),
        (f"one {NBSP} two", [0, 2]),
        (f"{NBSP}one{NBSP} two", [0, 1]),
        ("le\u3000mot", [0, 0]),
        ("a\x0bb c", [0, 0, 1]),
        ("", []),
    ],
)
def test_a_pharaoh_file_counts_words_between_spaces(text, expected):
    words = WordTokenizer(Vocabulary([]))
    parts = [part for part in text.replace("\t", " ").split(" ") if part]
    assert words.positions(text) == words.positions(text, words=True) == expected
    for token, position in zip(words.split(text), expected, strict=True):
        assert token in parts[position]
    letters = CharacterTokenizer(Vocabulary(""))
    of_letters = letters.positions(text, words=True)
    assert list(dict.fromkeys(number for number in of_letters if number is not None)) == list(
        dict.fromkeys(expected)
    )
    assert list(letters.positions(text)) == list(range(len(text)))


def test_pieces_have_the_positions_of_their_words(pieces):
    text = f"low{NBSP}lower newest x▁low"
    tokens, positions = pieces.split(text), pieces.positions(text, words=True)
    of = {
        place: "".join(token for token, at in zip(tokens, positions, strict=True) if at == place)
        for place in set(positions)
    }
    assert of == {0: "▁low▁lower", 1: "▁newest", 2: "▁x▁low"}
    assert list(pieces.positions(text)) == list(range(len(tokens)))


def test_a_space_made_by_normalization_does_not_shift_positions():
    words = WordTokenizer(Vocabulary([]), normalization="nfkc")
    assert words.split("a\u00b4b c") == ["a", "\u0301b", "c"]
    assert words.positions("a\u00b4b c") == [0, 0, 1]
