"""Subwords as TensorFlow operations: one of TensorFlow Text beside the core ones.

A program that loads the model has to know that operation: Python by `import tensorflow_text`, C by
`TF_LoadLibrary` of that package's `_fast_sentencepiece_tokenizer.so` (unigram) or
`_sentencepiece_tokenizer.so` (BPE). TensorFlow Serving has both.
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

_UNKNOWN = "\v"  # white space, which no piece holds


def import_tensorflow_text() -> ModuleType:
    """Return the package and registers its operations, which nothing but subwords needs.

    Raises:
        InputError: If it is missing.
    """
    try:
        import tensorflow_text
    except ImportError:
        raise InputError(
            "subwords in a SavedModel need the package tensorflow-text: "
            "pip install tensorflow-text."
        ) from None
    return tensorflow_text


class GraphSubwordTokenizer(GraphTokenizer):
    """A `SubwordTokenizer`'s twin in the graph: for every text the same tokens and ids.

    Args:
        tokenizer: The tokenizer to mirror.

    `encode` and `tokens` raise an `InputError` where the package tensorflow-text is missing.
    """

    kinds = (SubwordTokenizer.name,)

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        """Keep the model for `encode` and `tokens`; `detokenize` is core operations alone."""
        super().__init__(tokenizer)
        self._tokenizer = tokenizer
        self._operation: Any = None
        characters = [token for token in tokenizer.vocabulary.tokens if len(token) == 1]
        self._unknown = none_of(map(ord, [" ", *characters]))

    def _normalize(self, texts: Tensor) -> Tensor:
        spaced = tf.strings.regex_replace(super()._normalize(texts), SPACES, " ")
        return tf.strings.regex_replace(spaced, "^ | $", "")

    def _encode(self, texts: Tensor) -> Tensor:
        # The fast operation scores an unknown character once a byte, sentencepiece once. A score
        # so low rounds others away, and breaks their ties otherwise: one byte stands for them all.
        texts = tf.strings.regex_replace(texts, self._unknown, _UNKNOWN)
        return self._subwords().tokenize(texts).with_row_splits_dtype(tf.int64)

    def _subwords(self) -> Any:
        """The operation with its converted model, made when it is first needed."""
        if self._operation is None:
            text = import_tensorflow_text()
            # The fast operation looks for the likeliest pieces, whatever the model's type is, and
            # so cuts as no BPE model does; the other one is sentencepiece's own code.
            model = self._tokenizer.model
            with tf.init_scope():
                if self._tokenizer.model_type == "unigram":
                    self._operation = text.FastSentencepieceTokenizer(model)
                else:
                    # Loaded, all models of one name are one of them (tensorflow/text#1304).
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
        """Run of characters that are no piece, in order; each of them is one `<unk>`."""
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
