"""Padded batches of pairs, as an endless and repeatable stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.special_tokens import PAD_ID, START_ID
from keras_attention.text.tokenizers import Tokenizer

from ..data.stored_pairs import StoredPairs
from .bucketing import (
    Ints,
    Ranks,
    cut_by_pairs,
    cut_by_tokens,
    narrowed,
    order_of,
    rank_buckets,
)
from .encoded_pairs import encode_pairs
from .sequences import Guide, GuideTensors, Sampling, SequenceTensors, Side
from .stored_sequences import StoredSampling, StoredTexts

_READY_BATCHES = 8

FIXED_LENGTHS = 8
"""With fixed shapes, lengths are padded to multiples of this."""


class PairBatches:
    """Batches of pairs of similar length, in an order that depends only on the seed and the epoch.

    Pairs are sorted by the buckets of their target and source lengths, shuffled within a bucket and
    cut into batches whose sizes differ by at most one pair, and the batches are shuffled. Therefore
    an epoch has every pair once, no batch is a small remainder, and all epochs have the same number
    of steps. A pair whose source or target is too long is dropped, counted and logged; texts are
    never truncated.

    With `batch_tokens`, batches are limited by tokens instead: by the number of pairs times the
    length of the longest source or target in the batch's buckets. Batches have the same sizes in
    every epoch.

    Args:
        pairs: Sources and targets, any iterable; it is read once. For `StoredPairs`, the ids are
            in files too, and the batches are the same.
        source_tokenizer: The tokenizer of sources.
        target_tokenizer: The tokenizer of targets.
        batch_size: Largest number of pairs in a batch, at least 1; unused with `batch_tokens`.
        max_source_length: Largest number of ids of a source, including </s>.
        max_target_length: Largest number of ids of a target, including </s>.
        bucket_width: Number of lengths that form one bucket. A small width needs less padding, a
            large width shuffles more.
        batch_tokens: Largest number of tokens in a batch, including padding, of sources or of
            targets. A pair that exceeds it is a batch by itself. 0 for batches of `batch_size`
            pairs.
        subword_dropout: Share of merges to skip at random in sources and in targets, drawn again
            in every epoch of `stream`; see `SubwordTokenizer.encode_with_dropout`. Limits and
            buckets use the lengths without dropout, which are shorter.
        pointers: For each pair, links between its unknown target tokens and equal source tokens.
        guides: For each pair, links between tokens or weights [T, S] that guide training.
        fixed_shapes: Whether to pad batches to few different shapes, for a backend that compiles
            the training step again for each shape. Lengths are padded to multiples of
            `FIXED_LENGTHS`, or of `bucket_width` if that is more. The number of rows is padded to
            that of the largest batch, or with `batch_tokens` to multiples of an eighth of it. The
            targets of added rows are all padding, so they do not change the loss.
        row_multiple: Number that divides the number of rows of every batch, such as the number of
            devices among which batches are divided. Rows are added as for `fixed_shapes`.
        seed: Seed of the shuffle.
        noun: The name of the pairs in the log.

    Attributes:
        steps_per_epoch: Number of batches of an epoch, which has every pair once.
        target_tokens: Number of ids in all targets, including </s>, without padding.
        dropped: Number of pairs that exceed the limits.
        kept: For each input pair, whether it is within the limits, bool.

    Raises:
        ValueError: If a number is below 1 (`seed` and `batch_tokens`: below 0), if
            `subword_dropout` is used with a tokenizer without BPE merges, or if there is not one
            item of `pointers` or `guides` per pair.
        InputError: If there are no pairs, or none is within the limits.

    Example:
        >>> from keras_attention.text.tokenizers import CharacterTokenizer
        >>> from keras_attention.text.vocabulary import Vocabulary
        >>> letters = CharacterTokenizer(Vocabulary("abc"))
        >>> batches = PairBatches(
        ...     [("ab", "c"), ("a", "b")], letters, letters,
        ...     batch_size=2, max_source_length=8, max_target_length=8,
        ... )
        >>> batches.steps_per_epoch, batches.dropped
        (1, 0)
        >>> (source, target_in), target_out = next(iter(batches.stream()))
        >>> source.shape.as_list(), target_out.shape.as_list()
        ([2, 3], [2, 2])
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, str]],
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        *,
        batch_size: int,
        max_source_length: int,
        max_target_length: int,
        bucket_width: int = 8,
        batch_tokens: int = 0,
        subword_dropout: tuple[float, float] = (0.0, 0.0),
        pointers: Sequence[Guide] | None = None,
        guides: Sequence[Guide] | None = None,
        fixed_shapes: bool = False,
        row_multiple: int = 1,
        seed: int = 1,
        noun: str = "pairs",
    ) -> None:
        _check_at_least(
            1,
            batch_size=batch_size,
            max_source_length=max_source_length,
            max_target_length=max_target_length,
            bucket_width=bucket_width,
            row_multiple=row_multiple,
        )
        _check_at_least(0, batch_tokens=batch_tokens, seed=seed)
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.seed = seed
        self._features = len(source_tokenizer.features)  # an alignment does not cover them
        tokenizers = source_tokenizer, target_tokenizer
        self._stored: dict[int, StoredSampling] = {}
        self._sampling = [
            Sampling(tokenizer, dropout) if dropout else None
            for tokenizer, dropout in zip(tokenizers, subword_dropout, strict=True)
        ]
        if any(self._sampling) and not isinstance(pairs, StoredPairs):
            pairs = list(pairs)
        limits = max_source_length, max_target_length
        encoded = encode_pairs(pairs, tokenizers, limits, noun)
        sources, targets, self.kept = encoded.sources, encoded.targets, encoded.kept
        self._set_texts(pairs)
        self.dropped = int(np.count_nonzero(~self.kept))
        alignments = self._kept_alignments(pointers=pointers, guides=guides)
        self._ranks = rank_buckets(sources.lengths, targets.lengths, bucket_width)
        self._exact_ranks = rank_buckets(sources.lengths, targets.lengths, width=1)
        self._lengths = narrowed(np.maximum(sources.lengths, targets.lengths))
        bounds = self._cut(self._ranks)
        self.steps_per_epoch = len(bounds) - 1
        self.target_tokens = int(np.sum(targets.lengths))
        self._length_step = max(FIXED_LENGTHS, bucket_width) if fixed_shapes else 1
        rows = self._rows_of(bounds) if fixed_shapes else 1
        self._row_step = -(-rows // row_multiple) * row_multiple
        # Input pipelines run on the CPU, so constants on another device would be copied each step.
        with tf.device("CPU:0"):
            self._bounds = tf.constant(bounds)
            self._sides = sources.to_tensors(), targets.to_tensors()
            self._alignments = [GuideTensors.of(given) for given in alignments]

    def stream(self, first_step: int = 0) -> tf.data.Dataset:
        """Return the endless stream of training batches, starting at a step.

        The batch of a step does not depend on where the stream starts. A late start costs no time:
        the order of an epoch depends only on (seed, epoch), so earlier batches are not built. With
        subword dropout, all texts are tokenized again at the start of each epoch.

        Args:
            first_step: Number of steps to skip, over all epochs.

        Returns:
            A dataset of `((source_ids, target_in), target_out)`, int32, padded with 0 to the
            longest text of the batch: source_ids [B, S], which start with the ids of the F source
            features; target_in [B, T], which starts with <s>; target_out [B, T], which ends with
            </s>. Pointers and guides, if any, are further inputs, float32 [B, T, S - F].

        Raises:
            ValueError: If `first_step` is negative.
        """
        if first_step < 0:
            raise ValueError(f"`first_step` must be at least 0. Received: first_step={first_step}.")
        first_epoch, offset = divmod(first_step, self.steps_per_epoch)

        def build_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            order, steps = tf.numpy_function(
                self._plan, [epoch], [tf.int64, tf.int64], stateful=False
            )
            order, steps = tf.ensure_shape(order, [None]), tf.ensure_shape(steps, [None])
            begin = tf.where(epoch == first_epoch, offset, 0)
            left = tf.data.Dataset.from_tensor_slices(steps[begin:])
            sides = self._sides_of(epoch)
            return left.map(lambda step: self._build_batch(sides, order, self._bounds, step))

        stream = tf.data.Dataset.counter(first_epoch).flat_map(build_epoch)
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return stream.apply(endless).prefetch(_READY_BATCHES)

    def once(self) -> tf.data.Dataset:
        """Return a finite dataset that has every pair once, ordered by length, for validation.

        Returns:
            A dataset of `steps_per_epoch` batches like those of `stream`. With `batch_tokens`, the
            number of batches can differ a little, because pairs are ordered differently.
        """
        with tf.device("CPU:0"):
            order = tf.constant(order_of(self._exact_ranks))
            bounds = tf.constant(self._cut(self._exact_ranks))
        steps = tf.data.Dataset.range(len(bounds) - 1)
        batches = steps.map(lambda step: self._build_batch(self._sides, order, bounds, step))
        return batches.prefetch(_READY_BATCHES)

    def _kept_alignments(self, **alignments: Sequence[Guide] | None) -> list[list[Guide]]:
        """Check the number of items in each kind of alignment, and keep those of kept pairs."""
        for name, given in alignments.items():
            if given is not None and len(given) != len(self.kept):
                raise ValueError(
                    f"`{name}` must have one item for each of the {len(self.kept)} pairs. "
                    f"Received: {len(given)}."
                )
        return [[*compress(given, self.kept)] for given in alignments.values() if given is not None]

    def _cut(self, ranks: Ranks) -> Ints:
        """Return the index where each batch begins in the order of ranks, and the final end."""
        if self.batch_tokens:
            return cut_by_tokens(self._lengths, ranks, self.batch_tokens)
        return cut_by_pairs(len(ranks), self.batch_size)

    def _rows_of(self, bounds: Ints) -> int:
        """Return the step of row counts: with fixed shapes, rows are padded to a multiple of it."""
        largest = int(np.diff(bounds).max())
        return -(-largest // 8) if self.batch_tokens else largest

    def _plan(self, epoch: int) -> tuple[Ints, Ints]:
        """Return an epoch's order of pairs, which is cut into batches, and its order of batches."""
        rng = np.random.default_rng([self.seed, int(epoch)])
        shuffled = rng.permutation(len(self._ranks))
        order = shuffled[order_of(self._ranks[shuffled])]
        return order, rng.permutation(self.steps_per_epoch)

    def _set_texts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Give the texts of the kept pairs to the sides with subword dropout."""
        for side, sampling in enumerate(self._sampling):
            if sampling is None:
                continue
            if isinstance(pairs, StoredPairs):
                sampling.texts = StoredTexts(pairs.take(np.flatnonzero(self.kept)), side)
                self._stored[side] = StoredSampling(sampling, partial(self._sampling_seed, side))
            else:
                sampling.texts = [pair[side] for pair in compress(pairs, self.kept)]

    def _sampling_seed(self, side: int, epoch: int) -> int:
        # sentencepiece accepts a seed of 32 bits, unless all of them are 1.
        rng = np.random.default_rng([self.seed, int(epoch), side])
        return int(rng.integers(2**31))

    def _sides_of(self, epoch: tf.Tensor) -> tuple[Side, Side]:
        """Return the sources and targets of an epoch, tokenized again under subword dropout."""

        def sample(side: int) -> Side:
            sampling = self._sampling[side]
            if sampling is None:
                return self._sides[side]
            if side in self._stored:
                return self._stored[side].at(epoch)

            def draw(epoch: int) -> tuple[Ints, Ints]:
                return sampling.draw(self._sampling_seed(side, epoch))

            ids, ends = tf.numpy_function(draw, [epoch], [tf.int32, tf.int64], stateful=False)
            return SequenceTensors(tf.ensure_shape(ids, [None]), tf.ensure_shape(ends, [None]))

        return sample(0), sample(1)

    def _build_batch(
        self,
        sides: tuple[Side, Side],
        order: tf.Tensor,
        bounds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tuple[Any, ...], Any]:
        rows = order[bounds[step] : bounds[step + 1]]
        count = tf.shape(rows)[0]
        rows = tf.concat([rows, tf.repeat(rows[:1], -count % self._row_step)], axis=0)
        source_ids, _ = sides[0].pad(rows)
        target_out, real = sides[1].pad(rows)
        real &= (tf.range(tf.shape(rows)[0]) < count)[:, tf.newaxis]
        target_out = tf.where(real, target_out, PAD_ID)
        starts = tf.fill([tf.shape(rows)[0], 1], START_ID)
        target_in = tf.where(real, tf.concat([starts, target_out[:, :-1]], axis=1), PAD_ID)
        source_ids, target_in, target_out = map(
            self._pad_lengths, (source_ids, target_in, target_out)
        )
        shape = tf.shape(target_in)[1], tf.shape(source_ids)[1] - self._features
        alignments = [given.matrices(rows, shape) for given in self._alignments]
        return (source_ids, target_in, *alignments), target_out

    def _pad_lengths(self, ids: tf.Tensor) -> tf.Tensor:
        """Pad ids `[B, L]` to a multiple of the length step if batches have fixed shapes."""
        return tf.pad(ids, [[0, 0], [0, -tf.shape(ids)[1] % self._length_step]])


def _check_at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}.")
