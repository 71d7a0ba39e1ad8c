"""The longest text, counted by a tokenizer."""

import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.errors import TextError
from keras_attention.text.text_limit import MAX_TOKENS, TextLimit, default_limit

LETTERS = CharacterTokenizer(Vocabulary("ab"))


def test_a_text_of_as_many_tokens_is_taken_and_one_of_more_is_not():
    limit = TextLimit(4)
    assert limit.encode("aba", LETTERS) == LETTERS.encode("aba")
    assert limit.fits("aba", LETTERS) and not limit.fits("abab", LETTERS)
    with pytest.raises(TextError) as caught:
        limit.encode("abab", LETTERS)
    assert str(caught.value) == "text 1: expected at most 4 tokens with </s>. Received: 5."


def test_a_text_of_more_bytes_is_not_even_cut():
    class Uncut(WordTokenizer):
        def encode(self, text):
            raise AssertionError("The text was cut.")

    words = Uncut(Vocabulary(["a"]))
    with pytest.raises(TextError, match="expected at most 16384 bytes. Received: 16386."):
        TextLimit(4).encode("한" * 5462, words)
    assert TextLimit(2000).bytes == 32_000
    assert TextLimit(4).fits("a" * 16_384, WordTokenizer(Vocabulary(["a"])))


def test_the_ids_before_the_first_text_that_is_too_long():
    ids, refused = TextLimit(3).encode_until_refused(["a", "ab", "aba", "b"], LETTERS)
    assert ids == [LETTERS.encode("a"), LETTERS.encode("ab")]
    assert refused.position == 2 and str(refused).startswith("text 3: ")
    assert TextLimit(3).encode_until_refused(["a"], LETTERS) == ([LETTERS.encode("a")], None)


def test_a_model_takes_what_it_was_trained_on():
    assert (default_limit(64), default_limit(2000)) == (MAX_TOKENS, 2000)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, None])
def test_a_limit_is_a_positive_integer(number):
    with pytest.raises(ValueError, match=f"`max_tokens` must be a positive .*{number}"):
        TextLimit(number)


def test_a_text_is_valid_unicode_as_exports_require():
    read = b"caf\xe9".decode(errors="surrogateescape")
    with pytest.raises(TextError, match="^text 2: expected valid Unicode text. Received: 'caf"):
        raise TextLimit(9).encode_until_refused(["ab", read], LETTERS)[1]


@pytest.mark.parametrize("text", [b"ab", None, 3])
def test_a_text_is_a_string(text):
    with pytest.raises(TextError, match="expected a string. Received: .*, of type"):
        TextLimit(4).encode(text, LETTERS)
