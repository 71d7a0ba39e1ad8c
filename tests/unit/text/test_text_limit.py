"""The limit on the length of a text, counted in tokens."""

import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.errors import TextError
from keras_attention.text.text_limit import MAX_TOKENS, TextLimit, default_limit

LETTERS = CharacterTokenizer(Vocabulary("ab"))


def test_a_text_at_the_limit_is_accepted_and_a_longer_one_is_not():
    limit = TextLimit(4)
    assert limit.encode("aba", LETTERS) == LETTERS.encode("aba")
    assert limit.fits("aba", LETTERS) and not limit.fits("abab", LETTERS)
    with pytest.raises(TextError) as caught:
        limit.encode("abab", LETTERS)
    assert str(caught.value) == "text 1: expected at most 4 tokens including </s>. Received: 5."


def test_a_text_with_too_many_bytes_is_not_tokenized():
    class Uncut(WordTokenizer):
        def encode(self, text):
            raise AssertionError("The text was tokenized.")

    words = Uncut(Vocabulary(["a"]))
    with pytest.raises(TextError, match="expected at most 16384 bytes. Received: 16386."):
        TextLimit(4).encode("한" * 5462, words)
    assert TextLimit(2000).bytes == 32_000
    assert TextLimit(4).fits("a" * 16_384, WordTokenizer(Vocabulary(["a"])))


def test_texts_before_the_first_invalid_one_are_encoded():
    ids, refused = TextLimit(3).encode_until_refused(["a", "ab", "aba", "b"], LETTERS)
    assert ids == [LETTERS.encode("a"), LETTERS.encode("ab")]
    assert refused.position == 2 and str(refused).startswith("text 3: ")
    assert TextLimit(3).encode_until_refused(["a"], LETTERS) == ([LETTERS.encode("a")], None)


def test_the_default_limit_covers_the_training_data():
    assert (default_limit(64), default_limit(2000)) == (MAX_TOKENS, 2000)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, None])
def test_a_limit_must_be_a_positive_integer(number):
    with pytest.raises(ValueError, match=f"`max_tokens` must be a positive .*{number}"):
        TextLimit(number)


def test_a_text_must_be_valid_unicode():
    read = b"caf\xe9".decode(errors="surrogateescape")
    with pytest.raises(TextError, match="^text 2: expected valid Unicode text. Received: 'caf"):
        raise TextLimit(9).encode_until_refused(["ab", read], LETTERS)[1]


@pytest.mark.parametrize("text", [b"ab", None, 3])
def test_a_text_must_be_a_string(text):
    with pytest.raises(TextError, match="expected a string. Received: .*, of type"):
        TextLimit(4).encode(text, LETTERS)
