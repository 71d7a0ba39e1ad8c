"""Forced alignment: the weights with which a model reads a given source to write a given target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.alignments import Links, hard_links
from keras_attention.text.codec import pad
from keras_attention.translator import SORTED_BATCHES, Translator
from keras_attention.vocabulary import START_ID

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class PairAlignment:
    """A source, a target that was given, and the weights between their tokens.

    Attributes:
        source: the source.
        target: the target.
        source_tokens: the source's tokens `S`, closed by `</s>`.
        tokens: the target's tokens `T`, closed by `</s>`.
        weights: `[T, S]`, one row a target token; a row sums to 1, or to 0 for a model without
            attention.
    """

    source: str
    target: str
    source_tokens: tuple[str, ...]
    tokens: tuple[str, ...]
    weights: npt.NDArray[np.float32] = field(repr=False)

    def links(self, threshold: float | None = None) -> Links:
        """The links between tokens, `</s>` left out; see `hard_links`."""
        return hard_links(self.weights, threshold)


def align_pairs(
    translator: Translator, pairs: Iterable[Pair], *, batch_size: int = 64
) -> Iterator[PairAlignment]:
    """Aligns given targets with their sources, by the weights of teacher forcing.

    An output of a greedy search, given as the target, has the weights that the search returned.

    Args:
        translator: a translator of a model with attention, or of an ensemble: the mean of weights.
        pairs: sources and targets.
        batch_size: pairs aligned together; up to 16 times as many are sorted by length.

    Yields:
        A `PairAlignment` a pair, in order.

    Example:
        translator = Translator.load("saved_models/dates")
        (aligned,) = align_pairs(translator, [("3/5/03", "2003-03-05")])
        aligned.weights.shape, sorted(aligned.links())
    """
    remaining = iter(pairs)
    while window := list(islice(remaining, batch_size * SORTED_BATCHES)):
        order = sorted(range(len(window)), key=lambda place: len(window[place][0]))
        found: dict[int, PairAlignment] = {}
        for first in range(0, len(order), batch_size):
            places = order[first : first + batch_size]
            aligned = _align_batch(translator, [window[place] for place in places])
            found.update(zip(places, aligned, strict=True))
        yield from (found[place] for place in range(len(window)))


def _align_batch(translator: Translator, pairs: Sequence[Pair]) -> Iterator[PairAlignment]:
    codec = translator.codec
    source = codec.encode([source for source, _ in pairs])
    target_in = pad([[START_ID, *codec.target.encode(target)[:-1]] for _, target in pairs])
    weights = keras.ops.convert_to_numpy(translator.aligner(source, target_in))
    for pair, rows in zip(pairs, weights, strict=True):
        sources, targets = codec.source.tokens(pair[0]), codec.target.tokens(pair[1])
        kept = np.array(rows[: len(targets), : len(sources)])
        yield PairAlignment(*pair, tuple(sources), tuple(targets), kept)
