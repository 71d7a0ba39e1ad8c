"""Text to ids and back. The graph forms are not imported here: they need TensorFlow, these do not."""

from keras_attention.text.tokenizers import (
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
    make_tokenizer,
)

__all__ = ["CharacterTokenizer", "Tokenizer", "WordTokenizer", "make_tokenizer"]
