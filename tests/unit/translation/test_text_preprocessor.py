"""The preprocessor of a `Seq2Seq`: the arrays of pairs of texts, and its config."""

import numpy as np
import pytest

from keras_attention import (
    CharacterTokenizer,
    InputError,
    SubwordTokenizer,
    TextPreprocessor,
    Vocabulary,
    WordTokenizer,
    learn_subwords,
)
from keras_attention.translation.codec import TextCodec

LETTERS = CharacterTokenizer(Vocabulary("abc"))


def test_pairs_get_end_tokens_padding_and_shifted_targets():
    preprocessor = TextPreprocessor(LETTERS, max_length=9)
    (source, target_in), target_out = preprocessor.encode_pairs(["cab", "a"], ["", "bc"])
    np.testing.assert_array_equal(source, [[6, 4, 5, 2], [4, 2, 0, 0]])
    np.testing.assert_array_equal(target_out, [[2, 0, 0], [5, 6, 2]])
    np.testing.assert_array_equal(target_in, [[1, 0, 0], [1, 5, 6]])


TOKENIZERS = {
    "characters": (LETTERS, CharacterTokenizer(Vocabulary("\u1112\u1161"), normalization="nfd")),
    "one for both": (LETTERS, LETTERS),
    "words": (LETTERS, WordTokenizer(Vocabulary(["un", "deux"]), lowercase=True, strip=True)),
    "subwords": (
        SubwordTokenizer(learn_subwords(["an ant and an eel"] * 3, 13)),
        LETTERS,
    ),
}


@pytest.mark.parametrize("case", TOKENIZERS)
def test_a_config_restores_tokenizers_and_settings(case):
    source, target = TOKENIZERS[case]
    preprocessor = TextPreprocessor(source, target, max_length=9, beam_width=3, min_length=2)
    restored = TextPreprocessor.from_config(preprocessor.get_config())
    assert isinstance(restored.codec, TextCodec)
    assert restored.codec.to_files() == preprocessor.codec.to_files()
    assert restored.settings == preprocessor.settings
    for text in ("an ant", "Un  deux", "한"):
        assert restored.codec.source.encode(text) == source.encode(text)
        assert restored.codec.target.encode(text) == target.encode(text)


REFUSED = {
    "tokenizer": (("abc",), {"max_length": 3}, "`source_tokenizer` must be a Char.*Received: str"),
    "target": ((LETTERS, 3), {"max_length": 3}, "`target_tokenizer` must be a .* Received: int"),
    "length": ((LETTERS,), {"max_length": 0}, "`max_length` must be an integer of at least 1"),
    "misspelt": ((LETTERS,), {"max_length": 3, "beam": 2}, "the nearest is 'beam_width'"),
    "contradiction": ((LETTERS,), {"max_length": 3, "min_length": 4}, "`min_length` must not be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused(case):
    arguments, settings, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        TextPreprocessor(*arguments, **settings)


def test_a_damaged_file_in_a_config_is_refused():
    config = TextPreprocessor(LETTERS, max_length=9).get_config()
    del config["files"]["source.vocabulary.txt"]
    with pytest.raises(InputError, match=r"source.vocabulary.txt is missing"):
        TextPreprocessor.from_config(config)
