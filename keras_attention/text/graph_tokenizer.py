"""The tokenizers as TensorFlow operations, for exported models that take and give strings.

Core operations alone: a program that loads the model needs no library of TensorFlow Text.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from keras_attention.text.graph_nfc import normalize_nfc
from keras_attention.text.tokenizers import (
    WHITE_SPACE,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
)
from keras_attention.vocabulary import END, END_ID, PAD_ID, SPECIAL_TOKENS, START_ID, UNKNOWN_ID

Tensor: TypeAlias = Any


class GraphTokenizer(tf.Module):  # type: ignore[misc]
    """A tokenizer's twin in the graph: for every text the same tokens and ids.

    Args:
        tokenizer: The tokenizer to mirror, a `CharacterTokenizer` or a `WordTokenizer`.

    Raises:
        ValueError: If the tokenizer is of another kind.

    Example:
        >>> from keras_attention.vocabulary import Vocabulary
        >>> tokenizer = GraphTokenizer(CharacterTokenizer(Vocabulary("abc")))
        >>> ids = tokenizer.encode(tf.constant(["cab", ""]))
        >>> ids.numpy().tolist()
        [[6, 4, 5, 2], [2, 0, 0, 0]]
        >>> tokenizer.detokenize(ids).numpy().tolist()
        [b'cab', b'']
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Makes the table of the vocabulary, a resource that a saved model holds."""
        super().__init__(name=f"{tokenizer.name}_tokenizer")
        if tokenizer.name not in _SPLITTERS:
            raise ValueError(
                f"The name of `tokenizer` must be one of {', '.join(map(repr, _SPLITTERS))}. "
                f"Received: {tokenizer.name!r}."
            )
        self._split = _SPLITTERS[tokenizer.name]
        self._separator = tokenizer.separator
        self._tokens = tokenizer.vocabulary.tokens
        # Without the special tokens: where a text holds the word "<s>", it is an unknown one. In
        # their place stands "", which no text is split into: TensorFlow refuses an empty table.
        keys = ["", *self._tokens[len(SPECIAL_TOKENS) :]]
        values = [UNKNOWN_ID, *range(len(SPECIAL_TOKENS), len(self._tokens))]
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int32),
            default_value=UNKNOWN_ID,
        )

    def encode(self, texts: Tensor) -> Tensor:
        """Returns the ids of texts.

        Args:
            texts: UTF-8 strings [B].

        Returns:
            Ids int32 [B, S], each row closed by that of `</s>` and padded with 0.
        """
        return _close(self._ids.lookup(self._split(texts)), END_ID).to_tensor(PAD_ID)

    def tokens(self, texts: Tensor) -> Tensor:
        """Returns what `encode` gives ids to, unknown tokens as they stand in the text.

        Args:
            texts: UTF-8 strings [B].

        Returns:
            Strings [B, S], each row closed by `</s>` and padded with "".
        """
        return _close(self._split(texts), END).to_tensor("")

    def detokenize(self, ids: Tensor) -> Tensor:
        """Returns the texts of the ids before each row's first `</s>`; unknown ones read `<unk>`.

        Args:
            ids: int32 [B, T].

        Returns:
            UTF-8 strings [B].
        """
        is_end = tf.cast(ids == END_ID, tf.int32)
        kept = (tf.cumsum(is_end, axis=1) == 0) & (ids != PAD_ID) & (ids != START_ID)
        tokens = tf.ragged.boolean_mask(self.id_to_token(ids), kept)
        return tf.strings.reduce_join(tokens, axis=1, separator=self._separator)

    def id_to_token(self, ids: Tensor) -> Tensor:
        """Returns the token of each id, "" for padding.

        Args:
            ids: int32 of any shape.

        Returns:
            Strings of the same shape.
        """
        return tf.gather(tf.constant(["", *self._tokens[PAD_ID + 1 :]]), ids)


def _split_characters(texts: Tensor) -> Tensor:
    return tf.strings.unicode_split(normalize_nfc(texts), "UTF-8")


def _split_words(texts: Tensor) -> Tensor:
    # The split without a separator would cut at ASCII's white space alone, a part of Unicode's.
    spaced = tf.strings.regex_replace(normalize_nfc(texts), f"[{WHITE_SPACE}]+", " ")
    return tf.strings.split(spaced)


_SPLITTERS: dict[str, Callable[[Tensor], Tensor]] = {
    CharacterTokenizer.name: _split_characters,
    WordTokenizer.name: _split_words,
}


def _close(rows: Tensor, end: int | str) -> Tensor:
    """Appends `end` to each ragged row."""
    return tf.concat([rows, tf.fill([rows.nrows(), 1], end)], axis=1)
