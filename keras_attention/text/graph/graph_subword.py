"""The subword tokenizer as core operations of TensorFlow and one operation of TensorFlow Text.

A program that loads the model must register the operation of TensorFlow Text: Python with `import
tensorflow_text`, C with `TF_LoadLibrary` on the package's `_fast_sentencepiece_tokenizer.so`
(unigram) or `_sentencepiece_tokenizer.so` (BPE). TensorFlow Serving has both.
"""

import hashlib
from types import ModuleType
from typing import Any, TypeAlias

import tensorflow as tf

from keras_attention.errors import InputError
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.graph.unicode_tables import none_of
from keras_attention.text.subword_tokenizer import SPACE, SPACES, SubwordTokenizer

Tensor: TypeAlias = Any

_UNKNOWN = "\v"  # white space, which no piece contains


def import_tensorflow_text() -> ModuleType:
    """Import and return TensorFlow Text, which registers the operations that subwords need.

    Raises:
        InputError: If the package is not installed.
    """
    try:
        import tensorflow_text
    except ImportError:
        raise InputError(
            "subwords in a SavedModel require the package tensorflow-text: "
            "pip install tensorflow-text."
        ) from None
    return tensorflow_text


class GraphSubwordTokenizer(GraphTokenizer):
    """A `SubwordTokenizer` in a graph, with the same tokens and ids for every text.

    `encode` and `tokens` raise an `InputError` if the package tensorflow-text is not installed.
    """

    kinds = (SubwordTokenizer.name,)

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        """Store the model for `encode` and `tokens`; `detokenize` uses core operations only."""
        super().__init__(tokenizer)
        self._tokenizer = tokenizer
        self._operation: Any = None
        characters = [token for token in tokenizer.vocabulary.tokens if len(token) == 1]
        self._unknown = none_of(map(ord, [" ", *characters]))

    def _normalize(self, texts: Tensor) -> Tensor:
        spaced = tf.strings.regex_replace(super()._normalize(texts), SPACES, " ")
        return tf.strings.regex_replace(spaced, "^ | $", "")

    def _encode(self, texts: Tensor) -> Tensor:
        # The fast operation adds the score of an unknown character once for each of its bytes, but
        # sentencepiece adds it once. The repeated addition loses precision and breaks ties
        # differently, so replace each unknown character by a character of one byte.
        texts = tf.strings.regex_replace(texts, self._unknown, _UNKNOWN)
        return self._subwords().tokenize(texts).with_row_splits_dtype(tf.int64)

    def _subwords(self) -> Any:
        """Return the operation with the model; create it in the first call."""
        if self._operation is None:
            text = import_tensorflow_text()
            # The fast operation returns the most probable pieces for every type of model, which is
            # wrong for BPE. The other operation runs sentencepiece's own code.
            model = self._tokenizer.model
            with tf.init_scope():
                if self._tokenizer.model_type == "unigram":
                    self._operation = text.FastSentencepieceTokenizer(model)
                else:
                    # Models with equal names share one resource after loading, so make the names
                    # unique (tensorflow/text#1304).
                    name = f"subwords_{hashlib.sha256(model).hexdigest()}"
                    self._operation = text.SentencepieceTokenizer(model, name=name)
        return self._operation

    def _cut(self, texts: Tensor) -> Tensor:
        ids = self._encode(texts)
        unknown = tf.where(ids.flat_values == UNKNOWN_ID)
        pieces = self.id_to_token(ids.flat_values)
        pieces = tf.tensor_scatter_nd_update(pieces, unknown, self._unknown_runs(texts))
        return ids.with_flat_values(pieces)

    def _unknown_runs(self, texts: Tensor) -> Tensor:
        """Return the runs of unknown characters in order; each run is one `<unk>`."""
        split = tf.strings.unicode_split(texts, "UTF-8")
        characters, rows = split.flat_values, split.value_rowids()
        known = (self._ids.lookup(characters) != UNKNOWN_ID) | (characters == " ")
        first = tf.concat([tf.ones_like(known[:1]), known[:-1] | (rows[1:] != rows[:-1])], axis=0)
        runs = tf.cumsum(tf.cast(first & ~known, tf.int32))
        count = tf.reduce_max(tf.pad(runs, [[1, 0]]))
        return tf.strings.unsorted_segment_join(characters[~known], runs[~known] - 1, count)

    def _join(self, tokens: Tensor) -> Tensor:
        spaced = tf.strings.regex_replace(super()._join(tokens), SPACE, " ")
        return tf.strings.regex_replace(spaced, "^ +", "")
