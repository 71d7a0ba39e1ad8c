"""Character and word tokenizers as TensorFlow operations, for exported models that accept strings.

They use core operations only, so a program that loads the model does not need TensorFlow Text.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import tensorflow as tf

from keras_attention.special_tokens import END, END_ID, PAD_ID, SPECIAL_TOKENS, START_ID, UNKNOWN_ID
from keras_attention.text.graph.graph_normalization import apply_normalizer, normalize
from keras_attention.text.normalization import WHITE_SPACE
from keras_attention.text.tokenizers import CharacterTokenizer, Tokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary

Tensor: TypeAlias = Any


def _cut_words(texts: Tensor) -> Tensor:
    # Without a separator, `split` splits at ASCII white space only, so replace the rest first.
    return tf.strings.split(tf.strings.regex_replace(texts, f"[{WHITE_SPACE}]+", " "))


_CUTTERS: dict[str, Callable[[Tensor], Tensor]] = {
    CharacterTokenizer.name: lambda texts: tf.strings.unicode_split(texts, "UTF-8"),
    WordTokenizer.name: _cut_words,
}


class GraphTokenizer(tf.Module):  # type: ignore[misc]
    """A tokenizer in a graph that returns the same tokens and ids as the tokenizer in Python.

    Raises:
        ValueError: If the tokenizer is of a different kind.

    Example:
        >>> from keras_attention.text.vocabulary import Vocabulary
        >>> tokenizer = GraphTokenizer(CharacterTokenizer(Vocabulary("abc")))
        >>> ids = tokenizer.encode(tf.constant(["cab", ""]))
        >>> ids.numpy().tolist()
        [[6, 4, 5, 2], [2, 0, 0, 0]]
        >>> tokenizer.detokenize(ids).numpy().tolist()
        [b'cab', b'']
    """

    kinds: ClassVar[tuple[str, ...]] = tuple(_CUTTERS)

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Make the table of the vocabulary, a resource that a saved model contains."""
        super().__init__(name=f"{tokenizer.name}_tokenizer")
        if tokenizer.name not in self.kinds:
            raise ValueError(
                f"The name of `tokenizer` must be one of {', '.join(map(repr, self.kinds))}. "
                f"Received: {tokenizer.name!r}."
            )
        self._kind = tokenizer.name
        self._normalizer = tokenizer.normalizer
        self._separator = tokenizer.separator
        self._tokens = tokenizer.vocabulary.tokens
        self._ids = _table(tokenizer.vocabulary)
        self.features = tokenizer.features
        self._values = [_table(known) for known in self.features.vocabularies.values()]

    def encode(self, texts: Tensor) -> Tensor:
        """Return the ids of texts.

        Args:
            texts: UTF-8 strings [B].

        Returns:
            Ids int32 [B, S], each row ending with the id of `</s>` and padded with 0. The ids of
            the F features come first; see `feature_ids`.
        """
        ids = self._padded_ids(self._normalize(texts))
        return tf.concat([self.feature_ids(texts), ids], axis=1) if self.features else ids

    def feature_ids(self, texts: Tensor) -> Tensor:
        """Return the ids of the features' values.

        Args:
            texts: UTF-8 strings [B].

        Returns:
            Ids int32 [B, F]; the id of `<unk>` if a feature is missing, occurs twice or has an
            unknown value.
        """
        tags, columns = self.feature_tags(texts), []
        for place, table in zip(self.features.places.values(), self._values, strict=True):
            # If the pattern does not match, the tags are looked up unchanged. They are empty or
            # contain `<`, as no value does, so the result is the id of `<unk>`.
            columns.append(table.lookup(tf.strings.regex_replace(tags, place, r"\1")))
        return tf.stack(columns, axis=1)

    def feature_tags(self, texts: Tensor) -> Tensor:
        """Return the tags at the start of each text [B], "" for a text without tags."""
        return tf.strings.regex_replace(texts, self.features.first_tags, r"\1")

    def tokens(self, texts: Tensor) -> Tensor:
        """Return the tokens that `encode` maps to ids; unknown tokens keep their text.

        Args:
            texts: UTF-8 strings [B].

        Returns:
            Strings [B, S], each row ending with `</s>` and padded with "".
        """
        return self._padded_tokens(self._normalize(texts))

    def encode_with_tokens(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the results of `encode` and `tokens`, and normalize the texts only once."""
        normalized = self._normalize(texts)
        ids, tokens = self._padded_ids(normalized), self._padded_tokens(normalized)
        if self.features:
            ids = tf.concat([self.feature_ids(texts), ids], axis=1)
        return ids, tokens

    def detokenize(self, ids: Tensor) -> Tensor:
        """Return the texts of the ids before each row's first `</s>`; unknown ids become `<unk>`.

        Args:
            ids: int32 [B, T].

        Returns:
            UTF-8 strings [B], in normal form C.
        """
        return self.join(ids, self.id_to_token(ids))

    def join(self, ids: Tensor, tokens: Tensor) -> Tensor:
        """Join tokens to texts; a token may differ from the token of its id.

        Args:
            ids: int32 [B, T]. They determine which tokens are joined, as in `detokenize`.
            tokens: UTF-8 strings [B, T].

        Returns:
            UTF-8 strings [B], in normal form C.
        """
        is_end = tf.cast(ids == END_ID, tf.int32)
        kept = (tf.cumsum(is_end, axis=1) == 0) & (ids != PAD_ID) & (ids != START_ID)
        return normalize(self._join(tf.ragged.boolean_mask(tokens, kept)), "nfc")

    def id_to_token(self, ids: Tensor) -> Tensor:
        """Return the token of each id, "" for padding.

        Args:
            ids: int32 of any shape.

        Returns:
            Strings of the same shape.
        """
        return tf.gather(tf.constant(["", *self._tokens[PAD_ID + 1 :]]), ids)

    def _padded_ids(self, normalized: Tensor) -> Tensor:
        return _close(self._encode(normalized), END_ID).to_tensor(PAD_ID)

    def _padded_tokens(self, normalized: Tensor) -> Tensor:
        return _close(self._cut(normalized), END).to_tensor("")

    def _normalize(self, texts: Tensor) -> Tensor:
        if self.features:
            texts = tf.strings.regex_replace(texts, self.features.tags, "", replace_global=False)
        return apply_normalizer(self._normalizer, texts)

    def _encode(self, texts: Tensor) -> Tensor:
        """Return the ids of normalized texts [B], ragged, without `</s>`."""
        return self._ids.lookup(self._cut(texts))

    def _cut(self, texts: Tensor) -> Tensor:
        """Return the tokens of normalized texts [B], ragged, without `</s>`."""
        return _CUTTERS[self._kind](texts)

    def _join(self, tokens: Tensor) -> Tensor:
        """Return the texts [B] of ragged tokens."""
        return tf.strings.reduce_join(tokens, axis=1, separator=self._separator)


def _table(vocabulary: Vocabulary) -> Any:
    """Return the table from tokens to ids.

    The special tokens are left out, so that the word "<s>" in a text is unknown. The key "", which
    is never a token of a text, is added because TensorFlow rejects an empty table.
    """
    keys = ["", *vocabulary.tokens[len(SPECIAL_TOKENS) :]]
    values = [UNKNOWN_ID, *range(len(SPECIAL_TOKENS), len(vocabulary))]
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int32),
        default_value=UNKNOWN_ID,
    )


def _close(rows: Tensor, end: int | str) -> Tensor:
    """Append `end` to each ragged row."""
    return tf.concat([rows, tf.fill([rows.nrows(), 1], end)], axis=1)
