"""Batches of pairs in a file equal those of pairs in memory, in every epoch."""

from itertools import islice

import numpy as np
import pytest

from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import SubwordTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.batches import stored_sequences
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.training.data.stored_pairs import StoredPairs

WORDS = "ab abc bc cab abab cc".split()


def make_pairs(count=70):
    rng = np.random.default_rng(5)
    return [
        tuple(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in "st") for _ in range(count)
    ]


PAIRS = make_pairs()


@pytest.fixture(scope="module")
def subwords():
    texts = [text for pair in PAIRS for text in pair]
    return SubwordTokenizer(learn_subwords(texts, 14, model_type="bpe"))


def same(first, second):
    """Return whether two batches are equal, including their types."""
    arrays = [(*inputs, target) for inputs, target in (first, second)]
    return all(
        a.dtype == b.dtype and a.shape == b.shape and (a.numpy() == b.numpy()).all()
        for a, b in zip(*arrays, strict=True)
    )


def check(tokenizer, monkeypatch, **options):
    monkeypatch.setattr(stored_sequences, "_IDS", 50)  # the ids are written in several parts
    options = {"batch_size": 8, "max_source_length": 7, "max_target_length": 8, **options}
    plain, stored = (
        PairBatches(pairs, tokenizer, tokenizer, bucket_width=2, seed=3, **options)
        for pairs in (PAIRS, StoredPairs.of(PAIRS))
    )
    assert plain.dropped == stored.dropped > 0 and plain.kept == stored.kept
    assert plain.steps_per_epoch == stored.steps_per_epoch
    assert plain.target_tokens == stored.target_tokens
    for first in (0, 3, plain.steps_per_epoch + 2):
        count = 2 * plain.steps_per_epoch
        streams = (islice(each.stream(first), count) for each in (plain, stored))
        assert all(same(*batches) for batches in zip(*streams, strict=True))
    assert all(same(*batches) for batches in zip(plain.once(), stored.once(), strict=True))


@pytest.mark.parametrize("options", [{}, {"batch_tokens": 40}, {"fixed_shapes": True}])
def test_batches_of_words_are_the_same(options, monkeypatch):
    check(WordTokenizer(Vocabulary(WORDS)), monkeypatch, **options)


@pytest.mark.parametrize("dropout", [(0.3, 0.2), (0.0, 0.4)])
def test_batches_with_subword_dropout_are_the_same(dropout, subwords, monkeypatch):
    limits = {"max_source_length": 9, "max_target_length": 10}
    check(subwords, monkeypatch, subword_dropout=dropout, **limits)
