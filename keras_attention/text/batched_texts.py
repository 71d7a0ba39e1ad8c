"""Batches of texts of similar length, for searches of many texts at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from keras_attention.text.padded_batches import BATCH_TOKENS, SORTED_BATCHES, batch_by_tokens
from keras_attention.text.text_limit import TextLimit
from keras_attention.text.tokenizer import Tokenizer

Result = TypeVar("Result")


class EncodedText(NamedTuple):
    """A text with its ids and its number, counted from 0."""

    text: str
    ids: list[int]
    number: int


def map_texts(
    function: Callable[[Sequence[EncodedText]], Iterable[Result]],
    texts: Iterable[str],
    tokenizer: Tokenizer,
    limit: TextLimit,
    *,
    batch_size: int,
    rows: int | None = None,
    tokens: int = BATCH_TOKENS,
    sort: bool = True,
) -> Iterator[Result]:
    """Apply a function to batches of texts, and yield its results in the order of the texts.

    Args:
        function: returns one result for each text of a batch, independent of the other texts.
        texts: the texts. From a list or tuple, `SORTED_BATCHES` batches are read at a time and
            sorted by length; from other iterables, one batch.
        tokenizer: encodes the texts.
        limit: the largest length of a text.
        batch_size: number of texts that are read for a batch.
        rows: largest number of texts in a batch; default `batch_size`.
        tokens: largest number of padded tokens in a batch.
        sort: whether texts may be sorted by length.

    Raises:
        TextError: if a text is too long or not a string. The results of all earlier texts are
            yielded first.

    Example:
        >>> from keras_attention import CharacterTokenizer, Vocabulary
        >>> letters, batches = CharacterTokenizer(Vocabulary("abc")), []
        >>> def lengths(batch):
        ...     batches.append([each.text for each in batch])
        ...     return [len(each.ids) for each in batch]
        >>> list(map_texts(lengths, ["abc", "a", "cab"], letters, TextLimit(), batch_size=2))
        [4, 2, 4]
        >>> batches
        [['a', 'abc'], ['cab']]
    """
    remaining, done = iter(texts), 0
    together = batch_size * (SORTED_BATCHES if sort and isinstance(texts, Sequence) else 1)
    while window := list(islice(remaining, min(together, sys.maxsize))):
        ids, refused = limit.encode_until_refused(window, tokenizer)
        lengths = [len(each) for each in ids]
        order: Sequence[int] = range(len(ids))
        if sort:
            order = sorted(order, key=lengths.__getitem__)
        found: dict[int, Result] = {}
        for places in batch_by_tokens(
            order, lengths.__getitem__, rows=rows or batch_size, tokens=tokens
        ):
            batch = [EncodedText(window[place], ids[place], done + place) for place in places]
            found.update(zip(places, function(batch), strict=True))
        yield from (found[place] for place in range(len(ids)))
        if refused:
            raise refused.at(done + refused.position)
        done += len(window)
