"""From pairs of texts to an endless, repeatable stream of padded batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.special_tokens import PAD_ID, START_ID
from keras_attention.text.tokenizers import Tokenizer

from .bucketing import Ints, cut_by_pairs, cut_by_tokens, rank_buckets
from .encoded_pairs import encode_pairs
from .sequences import Guide, GuideTensors, Sampling, SequenceTensors

_READY_BATCHES = 8


class PairBatches:
    """Batches of pairs of similar length, in an order that depends on the seed and the epoch alone.

    Pairs are sorted by the bucket of their target's length and of their source's, shuffled within a
    bucket, cut into batches of equal size (to one pair), and the batches are shuffled. So every
    pair comes once an epoch, no batch is a small remainder, and every epoch has as many steps.
    A source or target over its limit is dropped with its pair, counted and logged, never cut.

    With `batch_tokens`, batches are limited by what they cost instead: their pairs times the
    longest source or target that the buckets in them have. Cuts are the same in every epoch.

    Args:
        pairs: Sources and targets, any iterable; it is read once.
        source_tokenizer: Makes ids of sources.
        target_tokenizer: Makes ids of targets.
        batch_size: Most pairs in a batch, at least 1; without effect where `batch_tokens` is set.
        max_source_length: Most ids of a source, </s> included.
        max_target_length: Most ids of a target, </s> included.
        bucket_width: Lengths that fall into the same bucket of this many tokens are shuffled
            together. A small width pads less, a large one mixes more.
        batch_tokens: Most tokens, padding included, on either side of a batch; a pair that alone
            exceeds it is a batch of its own. 0 for batches of `batch_size` pairs.
        subword_dropout: Share of merges left out of sources and of targets, drawn anew every epoch
            of `stream`; see `SubwordTokenizer.encode_with_dropout`. Limits and buckets go by the
            lengths without it, which it exceeds.
        pointers: Links of unknown target tokens with what they stand for, one for each pair.
        guides: Links between tokens, or weights [T, S], that training goes by, one for each pair.
        seed: Seed of the shuffle.
        noun: What the log calls the pairs that it counts.

    Attributes:
        steps_per_epoch: Batches in which every pair comes once.
        target_tokens: Ids of all targets, </s> included and padding not.
        dropped: Pairs over the limits.
        kept: Whether each pair is within the limits.

    Raises:
        ValueError: If a number is below 1 (the seed, `batch_tokens`: below 0), subwords are to be
            dropped of a tokenizer without merges, or there are more or fewer pointers or guides
            than pairs.
        InputError: If there are no pairs, or none within the limits.

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
        seed: int = 1,
        noun: str = "pairs",
    ) -> None:
        """Encodes all pairs; the class docstring explains the arguments."""
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("max_source_length", max_source_length, 1),
            ("max_target_length", max_target_length, 1),
            ("bucket_width", bucket_width, 1),
            ("batch_tokens", batch_tokens, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}.")
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.seed = seed
        tokenizers = source_tokenizer, target_tokenizer
        self._sampling = [
            Sampling(tokenizer, dropout) if dropout else None
            for tokenizer, dropout in zip(tokenizers, subword_dropout, strict=True)
        ]
        encoded = encode_pairs(
            pairs, tokenizers, (max_source_length, max_target_length), self._sampling, noun
        )
        sources, targets, self.kept = encoded.sources, encoded.targets, encoded.kept
        self.dropped = len(encoded.kept) - sum(encoded.kept)
        alignments = {"pointers": pointers, "guides": guides}
        for name, given in alignments.items():
            if given is not None and len(given) != len(self.kept):
                raise ValueError(
                    f"`{name}` must be one for each of {len(self.kept)} pairs. "
                    f"Received: {len(given)}."
                )
        self._ranks = rank_buckets(sources.lengths, targets.lengths, bucket_width)
        exact = rank_buckets(sources.lengths, targets.lengths, width=1)
        self._by_length = np.argsort(exact, kind="stable")
        lengths = np.maximum(sources.lengths, targets.lengths)
        bounds = self._cut(lengths, self._ranks)
        self.steps_per_epoch = len(bounds) - 1
        self.target_tokens = sum(targets.lengths)
        # Input pipelines run on the CPU; constants on another device would be copied every step.
        with tf.device("CPU:0"):
            self._bounds = tf.constant(bounds)
            self._bounds_by_length = tf.constant(self._cut(lengths, exact))
            self._sides = sources.to_tensors(), targets.to_tensors()
            self._alignments = [
                GuideTensors.of([*compress(given, self.kept)])
                for given in alignments.values()
                if given is not None
            ]

    def stream(self, first_step: int = 0) -> tf.data.Dataset:
        """Returns the endless stream of training batches from a step on.

        A step's batch is the same whatever step the stream was started from, and starting late
        costs nothing: an epoch's order is drawn from (seed, epoch), and earlier steps are never
        built. With subword dropout an epoch begins with cutting all of its texts anew.

        Args:
            first_step: Number of steps, over all epochs, already taken.

        Returns:
            A dataset of `((source_ids, target_in), target_out)`, int32, padded with 0 to the
            longest of the batch: source_ids [B, S]; target_in [B, T], which starts with <s>;
            target_out [B, T], which ends with </s>. Pointers and guides, where there are any, are
            further inputs, float32 [B, T, S].

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
        """Returns every pair once, in order of length: the finite dataset for validation.

        Returns:
            A dataset of elements like those of `stream`; `steps_per_epoch` of them, or about as
            many where `batch_tokens` is set, because the cuts of this order are others.
        """
        order, bounds = tf.constant(self._by_length), self._bounds_by_length
        steps = tf.data.Dataset.range(len(bounds) - 1)
        batches = steps.map(lambda step: self._build_batch(self._sides, order, bounds, step))
        return batches.prefetch(_READY_BATCHES)

    def _cut(self, lengths: Ints, ranks: Ints) -> Ints:
        """Where batches begin, in the order of the ranks, and where the last one ends."""
        if self.batch_tokens:
            return cut_by_tokens(lengths, ranks, self.batch_tokens)
        return cut_by_pairs(len(ranks), self.batch_size)

    def _plan(self, epoch: int) -> tuple[Ints, Ints]:
        """Returns an epoch's order of pairs, which the batches cut, and its order of batches."""
        rng = np.random.default_rng([self.seed, int(epoch)])
        shuffled = rng.permutation(len(self._ranks))
        order = shuffled[np.argsort(self._ranks[shuffled], kind="stable")]
        return order, rng.permutation(self.steps_per_epoch)

    def _sides_of(self, epoch: tf.Tensor) -> tuple[SequenceTensors, SequenceTensors]:
        """Sources and targets as an epoch reads them."""

        def sample(side: int) -> SequenceTensors:
            sampling = self._sampling[side]
            if sampling is None:
                return self._sides[side]

            def draw(epoch: int) -> tuple[Ints, Ints]:
                # sentencepiece takes 32 bits, and none of them all ones.
                rng = np.random.default_rng([self.seed, int(epoch), side])
                return sampling.draw(int(rng.integers(2**31)))

            ids, ends = tf.numpy_function(draw, [epoch], [tf.int32, tf.int64], stateful=False)
            return SequenceTensors(tf.ensure_shape(ids, [None]), tf.ensure_shape(ends, [None]))

        return sample(0), sample(1)

    def _build_batch(
        self,
        sides: tuple[SequenceTensors, SequenceTensors],
        order: tf.Tensor,
        bounds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tuple[Any, ...], Any]:
        rows = order[bounds[step] : bounds[step + 1]]
        source_ids, _ = sides[0].pad(rows)
        target_out, real = sides[1].pad(rows)
        starts = tf.fill([tf.shape(rows)[0], 1], START_ID)
        target_in = tf.where(real, tf.concat([starts, target_out[:, :-1]], axis=1), PAD_ID)
        shape = tf.shape(target_in)[1], tf.shape(source_ids)[1]
        alignments = [given.matrices(rows, shape) for given in self._alignments]
        return (source_ids, target_in, *alignments), target_out
