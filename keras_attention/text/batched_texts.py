"""Batches of texts of similar length, for searches of many texts at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from keras_attention.errors import TextError
from keras_attention.text.padded_batches import BATCH_TOKENS, SORTED_BATCHES, batch_by_tokens
from keras_attention.text.text_limit import TextLimit
from keras_attention.text.tokenizer import Tokenizer

Result = TypeVar("Result")


Cut = Callable[[Sequence[int]], Iterable[list[int]]]
"""A function that splits the places of texts into batches."""


class EncodedText(NamedTuple):
    """A text with its ids, its number, counted from 0, and what a `Grouping` knows about it."""

    text: str
    ids: list[int]
    number: int
    known: Any = None


class Grouping(NamedTuple):
    """A rule that divides texts into batches by more than their length.

    Attributes:
        find: returns what is known about each text before the first unusable one, and the error
            about that one, if any.
        split: receives the places of texts, what is known about each text, and a function that
            splits places into batches. It divides the places into groups, and splits each group
            into batches with this function.
    """

    find: Callable[[Sequence[str]], tuple[list[Any], TextError | None]]
    split: Callable[[Sequence[int], Sequence[Any], Cut], Iterable[list[int]]]


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
    grouping: Grouping | None = None,
) -> Iterator[Result]:
    """Apply a function to batches of texts, and yield its results in the order of the texts.

    Args:
        function: returns one result for each text of a batch, independent of the other texts.
        texts: the texts. From a list or tuple, `SORTED_BATCHES` batches are read at a time and
            sorted by length; from other iterables, one batch.
        tokenizer: encodes the texts.
        limit: the largest length of a text.
        batch_size: number of texts that are read for a batch.
        rows: largest number of texts in a batch. Default: `batch_size`.
        tokens: largest number of padded tokens in a batch.
        sort: whether texts may be sorted by length.
        grouping: how texts are divided into batches, if not only by their length.

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
        known: list[Any] = [None] * len(ids)
        if grouping:
            known, unusable = grouping.find(window[: len(ids)])
            ids, refused = ids[: len(known)], unusable or refused
        lengths = [len(each) for each in ids]
        order: Sequence[int] = range(len(ids))
        if sort:
            order = sorted(order, key=lengths.__getitem__)
        length_of: Callable[[int], int] = lengths.__getitem__
        cut = partial(batch_by_tokens, length=length_of, rows=rows or batch_size, tokens=tokens)
        found: dict[int, Result] = {}
        for places in grouping.split(order, known, cut) if grouping else cut(order):
            batch = [
                EncodedText(window[place], ids[place], done + place, known[place])
                for place in places
            ]
            found.update(zip(places, function(batch), strict=True))
        yield from (found[place] for place in range(len(ids)))
        if refused:
            raise refused.at(done + refused.position)
        done += len(window)
