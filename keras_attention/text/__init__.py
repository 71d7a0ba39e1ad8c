"""Tokenizers and vocabularies in plain Python; `graph` contains the TensorFlow versions."""

from keras_attention.text.normalization import Normalizer
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import (
    CharacterTokenizer,
    SubwordTokenizer,
    Tokenizer,
    WordTokenizer,
    make_tokenizer,
)

__all__ = [
    "CharacterTokenizer",
    "Normalizer",
    "SubwordTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "learn_subwords",
    "make_tokenizer",
]
