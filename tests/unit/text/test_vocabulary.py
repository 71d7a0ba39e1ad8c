import re

import pytest

from keras_attention.errors import InputError
from keras_attention.special_tokens import (
    END,
    END_ID,
    PAD,
    PAD_ID,
    START,
    START_ID,
    UNKNOWN,
    UNKNOWN_ID,
)
from keras_attention.text.vocabulary import Vocabulary

SPECIALS = "<pad>\n<s>\n</s>\n<unk>\n"


def test_special_tokens_have_the_first_ids():
    vocabulary = Vocabulary("ab")
    assert (PAD_ID, START_ID, END_ID, UNKNOWN_ID) == (0, 1, 2, 3)
    assert vocabulary.tokens == (PAD, START, END, UNKNOWN, "a", "b")
    assert len(vocabulary) == 6


def test_special_tokens_are_in_the_vocabulary():
    vocabulary = Vocabulary(["word"])
    assert "word" in vocabulary
    assert "<s>" in vocabulary
    assert "other" not in vocabulary


def test_equality_and_hash_follow_the_ids():
    assert Vocabulary("ab") == Vocabulary(iter("ab"))
    assert hash(Vocabulary("ab")) == hash(Vocabulary("ab"))
    assert Vocabulary("ab") != Vocabulary("ba")
    assert Vocabulary("ab") != ("a", "b")


def test_tokens_are_encoded_and_decoded():
    vocabulary = Vocabulary(["to", "be"])
    assert vocabulary.encode(["be", "or", "to"]) == [5, 3, 4]
    assert vocabulary.decode([1, 5, 3, 4, 2, 0]) == ["<s>", "be", "<unk>", "to", "</s>", "<pad>"]


def test_text_cannot_contain_a_special_token():
    assert Vocabulary(["to"]).encode([PAD, START, END, UNKNOWN]) == [UNKNOWN_ID] * 4


@pytest.mark.parametrize("index", [-1, 5])
def test_decode_rejects_an_id_out_of_range(index):
    with pytest.raises(ValueError, match=rf"must be from 0 to 4. Received: {index}\."):
        Vocabulary("a").decode([4, index])


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("", "be empty"),
        ("<s>", "be a special token"),
        ("a\nb", "contain a line feed"),
        ("\ud800", "contain a lone surrogate"),
        ("a", "occur twice"),
    ],
)
def test_an_invalid_token_is_rejected(token, problem):
    with pytest.raises(ValueError, match=problem) as error:
        Vocabulary(["a", token])
    assert repr(token) in str(error.value)


def test_build_orders_tokens_by_count_and_then_by_code_point():
    sentences = [["b", "c", "b"], ["한", "a", "c"], ["Z"]]
    assert Vocabulary.build(sentences).tokens[4:] == ("b", "c", "Z", "a", "한")


def test_build_keeps_the_most_frequent():
    sentences = [list("aaabbc")]
    assert Vocabulary.build(sentences, max_size=2).tokens[4:] == ("a", "b")
    assert Vocabulary.build(sentences, min_count=3).tokens[4:] == ("a",)
    assert Vocabulary.build(sentences, max_size=9, min_count=2).tokens[4:] == ("a", "b")


def test_build_leaves_out_tokens_that_cannot_be_saved():
    sentences = [["a", "\n", "x\ny", "", "<s>", "</s>", "\udfff"]]
    assert Vocabulary.build(sentences).tokens[4:] == ("a",)


def test_an_empty_vocabulary_has_the_special_tokens():
    assert Vocabulary.build([]) == Vocabulary([])


@pytest.mark.parametrize("max_size", [0, -1])
def test_build_rejects_a_size_below_one(max_size):
    with pytest.raises(ValueError, match=f"Received: max_size={max_size}"):
        Vocabulary.build([["a", "b"]], max_size=max_size)


@pytest.mark.parametrize("sentences", ["two one", ["two one"], [["two"], "one"]])
def test_build_refuses_strings_in_place_of_lists_of_tokens(sentences):
    expected = "^Each item of `sentences` must be a list of tokens; use list.* text.split.. for"
    with pytest.raises(TypeError, match=expected):
        Vocabulary.build(sentences)


AWKWARD = [*" \t\r\x0b\x1c\u0085\u2028\ufeff\0가", "👍🏽", "a b", "x\r"]


def test_a_saved_vocabulary_is_read_back_equal(tmp_path):
    vocabulary = Vocabulary(AWKWARD)
    path = tmp_path / "vocabulary.txt"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert Vocabulary.load(str(path)) == vocabulary


def test_the_file_has_one_token_on_each_line(tmp_path):
    Vocabulary(["to", "한국"]).save(tmp_path / "vocabulary.txt")
    assert (tmp_path / "vocabulary.txt").read_bytes() == (SPECIALS + "to\n한국\n").encode()


def test_a_vocabulary_is_read_back_from_its_own_text():
    for vocabulary in (Vocabulary([]), Vocabulary(AWKWARD)):
        assert Vocabulary.from_text(vocabulary.to_text()) == vocabulary
    assert Vocabulary.from_text(SPECIALS + "a") == Vocabulary("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the special token '<pad>'. Received: ''."),
        ("a\nb\n", "line 1: expected the special token '<pad>'. Received: 'a'."),
        (
            "<pad>\n<s>\n",
            "line 3: expected the special token '</s>'. Received: the end of the file.",
        ),
        ("<pad>\r\n<s>\r\n", "line 1: expected the special token '<pad>'. Received: '<pad>\\r'."),
        (SPECIALS + "a\nb\na\n", "line 7: a token must not occur twice. Received: 'a'."),
        (SPECIALS + "a\n\nb\n", "line 6: a token must not be empty. Received: ''."),
        (SPECIALS + "a\n\n", "line 6: a token must not be empty. Received: ''."),
        (SPECIALS + "<s>\n", "line 5: a token must not be a special token. Received: '<s>'."),
    ],
)
def test_the_error_names_the_line_of_a_damaged_file(tmp_path, text, message):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match=re.escape(message)) as error:
        Vocabulary.load(path)
    assert str(error.value) == f"{path}, {message}"
    with pytest.raises(InputError, match=f"^{re.escape('model.tflite, ' + message)}$"):
        Vocabulary.from_text(text, name="model.tflite")


def test_load_reports_a_missing_file_and_invalid_utf8(tmp_path):
    with pytest.raises(InputError, match="vocabulary.txt: expected a file"):
        Vocabulary.load(tmp_path / "vocabulary.txt")
    (tmp_path / "vocabulary.txt").write_bytes(SPECIALS.encode() + b"\xff\n")
    with pytest.raises(InputError, match="vocabulary.txt, line 5: expected UTF-8"):
        Vocabulary.load(tmp_path / "vocabulary.txt")
