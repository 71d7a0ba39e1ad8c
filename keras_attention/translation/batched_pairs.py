"""Batches of text pairs of similar length, for computations that need both source and target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from keras_attention.errors import TextError
from keras_attention.text.padded_batches import BATCH_TOKENS, SORTED_BATCHES, batch_by_tokens
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.codec import SIDES, TextCodec

Result = TypeVar("Result")


class EncodedPair(NamedTuple):
    """A source and a target with their ids."""

    texts: tuple[str, str]
    source: list[int]
    target: list[int]


def map_pairs(
    function: Callable[[Sequence[EncodedPair]], Iterable[Result]],
    pairs: Iterable[tuple[str, str]],
    codec: TextCodec,
    max_tokens: int,
    *,
    batch_size: int,
    tokens: int = BATCH_TOKENS,
) -> Iterator[Result]:
    """Apply a function to batches of pairs, and yield its results in the order of the pairs.

    Args:
        function: returns one result for each pair of a batch, independent of the other pairs.
        pairs: sources and targets.
        codec: the codec whose tokenizers encode the pairs.
        max_tokens: largest number of tokens of a text, on either side.
        batch_size: largest number of pairs in a batch; 16 times as many are sorted by length
            together.
        tokens: largest number of padded tokens in a batch. A pair is as long as its longer text.

    Raises:
        TextError: if a text has more than `max_tokens` tokens or is not a string, or if a pair does
            not have two texts. The results of all earlier pairs are yielded first.
    """
    remaining, done = iter(pairs), 0
    while window := list(islice(remaining, min(batch_size * SORTED_BATCHES, sys.maxsize))):
        encoded, refused = _encode_pairs(window, codec, TextLimit(max_tokens))
        lengths = [max(len(pair.source), len(pair.target)) for pair in encoded]
        order = sorted(range(len(encoded)), key=lengths.__getitem__)
        found: dict[int, Result] = {}
        for places in batch_by_tokens(order, lengths.__getitem__, rows=batch_size, tokens=tokens):
            found.update(zip(places, function([encoded[n] for n in places]), strict=True))
        yield from (found[place] for place in range(len(encoded)))
        if refused:
            raise refused.at(done + refused.position)
        done += len(window)


def _encode_pairs(
    pairs: Iterable[tuple[str, str]], codec: TextCodec, limit: TextLimit
) -> tuple[list[EncodedPair], TextError | None]:
    """Return the encoded pairs before the first invalid one, and the error about it."""
    encoded: list[EncodedPair] = []
    for position, texts in enumerate(pairs):
        is_pair = isinstance(texts, Collection) and not isinstance(texts, str | bytes)
        if not is_pair or len(texts) != len(SIDES):
            problem = f"expected a source and a target. Received: {texts!r:.60}."
            return encoded, TextError(problem, position, "pair")
        ids = []
        for side, tokenizer, text in zip(SIDES, (codec.source, codec.target), texts, strict=True):
            try:
                ids.append(limit.encode(text, tokenizer))
            except TextError as error:
                return encoded, TextError(f"{side}: {error.problem}", position, "pair")
        encoded.append(EncodedPair(texts, *ids))
    return encoded, None
