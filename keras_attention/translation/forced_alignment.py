"""Forced alignment: the attention weights of a model for a given source and a given target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.alignment.links import Links, hard_links
from keras_attention.errors import check_positive, check_texts
from keras_attention.special_tokens import START_ID
from keras_attention.translation.batched_pairs import EncodedPair, map_pairs
from keras_attention.translation.codec import pad
from keras_attention.translation.translator import Translator

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class PairAlignment:
    """The alignment of a source and a given target.

    Attributes:
        source: the source.
        target: the target.
        source_tokens: the `S` tokens of the source, ending with `</s>`.
        tokens: the `T` tokens of the target, ending with `</s>`.
        weights: weights `[T, S]`, one row for each target token. A row sums to 1, or to 0 for a
            model without attention.
    """

    source: str
    target: str
    source_tokens: tuple[str, ...]
    tokens: tuple[str, ...]
    weights: npt.NDArray[np.float32] = field(repr=False)

    def links(self, threshold: float | None = None) -> Links:
        """Return the links between tokens, without `</s>`; see `hard_links`."""
        return hard_links(self.weights, threshold)

    def _repr_html_(self) -> str:
        """Return the pair and its alignment as HTML, for notebooks."""
        from keras_attention.visualization.notebook.fragments import alignment_fragment

        found = [(self.target, None)]
        return alignment_fragment(self.source, found, self.source_tokens, self.tokens, self.weights)


def align_pairs(
    translator: Translator, pairs: Iterable[Pair], *, batch_size: int = 64
) -> Iterator[PairAlignment]:
    """Align given targets with their sources by the attention weights under teacher forcing.

    If the target is the output of greedy search, the weights equal those that the search returned.

    Args:
        translator: a translator of a model with attention, or of an ensemble, whose weights are
            averaged.
        pairs: sources and targets.
        batch_size: largest number of pairs in a batch, a positive integer. Batches of long
            pairs are smaller. Up to 16 times as many pairs are sorted by length.

    Returns:
        An iterator over a `PairAlignment` for each pair, in order.

    Raises:
        ValueError: if `batch_size` is out of its range.
        TextError: if a text has more than the translator's `max_tokens` tokens. The results of
            all pairs before it are yielded first.

    Example:
        translator = Translator.load("saved_models/dates")
        (aligned,) = align_pairs(translator, [("3/5/03", "2003-03-05")])
        aligned.weights.shape, sorted(aligned.links())
    """
    check_texts(pairs, "pairs")
    check_positive(batch_size=batch_size)
    return map_pairs(
        partial(_align_batch, translator),
        pairs,
        translator.codec,
        translator.max_tokens,
        batch_size=batch_size,
    )


def _align_batch(translator: Translator, pairs: Sequence[EncodedPair]) -> Iterator[PairAlignment]:
    codec, source = translator.codec, pad([pair.source for pair in pairs])
    target_in = pad([[START_ID, *pair.target[:-1]] for pair in pairs])
    weights = keras.ops.convert_to_numpy(translator.align(source, target_in))
    for pair, rows in zip(pairs, weights, strict=True):
        sources, targets = (
            tokenizer.tokens(text)
            for tokenizer, text in zip((codec.source, codec.target), pair.texts, strict=True)
        )
        kept = np.array(rows[: len(targets), : len(sources)])
        yield PairAlignment(*pair.texts, tuple(sources), tuple(targets), kept)
