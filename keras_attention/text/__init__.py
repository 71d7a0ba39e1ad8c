"""Text to ids and back, without TensorFlow; the graph forms are in modules of their own."""

from keras_attention.text.tokenizers import (
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
    make_tokenizer,
)

__all__ = ["CharacterTokenizer", "Tokenizer", "WordTokenizer", "make_tokenizer"]
