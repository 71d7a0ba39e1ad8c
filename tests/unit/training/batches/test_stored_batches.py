"""Batches of pairs in a file or a store equal those of pairs in memory, in every epoch."""

from itertools import islice

import numpy as np
import pytest

from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import SubwordTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.batches import stored_ids, stored_sequences
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.training.data.data_store import DataStore
from keras_attention.training.data.pairs import read_pairs
from keras_attention.training.data.stored_pairs import StoredPairs
from keras_attention.training.recipe.data_config import DataConfig

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


def in_store(folder):
    """Return the pairs in a store, as the training pairs of a recipe that holds out one pair."""
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in [*PAIRS, PAIRS[0]]))
    config = DataConfig(format="tsv", path=str(path), held_out=0, in_memory=0)
    numbers = np.random.default_rng(1).permutation(len(PAIRS))
    mixed = read_pairs(config, 1, DataStore(folder / "run.store")).take(numbers)
    return mixed.take(np.argsort(numbers))


def check(tokenizer, kind, tmp_path, monkeypatch, **options):
    monkeypatch.setattr(stored_sequences, "_IDS", 50)  # the ids are written in several parts
    monkeypatch.setattr(stored_ids, "_CHUNK", 9)
    monkeypatch.setattr(stored_ids, "_LEAST", 99)  # in this process
    options = {"batch_size": 8, "max_source_length": 7, "max_target_length": 8, **options}
    plain, stored = (
        PairBatches(pairs, tokenizer, tokenizer, bucket_width=2, seed=3, **options)
        for pairs in (PAIRS, StoredPairs.of(PAIRS) if kind == "file" else in_store(tmp_path))
    )
    assert plain.dropped == stored.dropped > 0 and plain.kept.tolist() == stored.kept.tolist()
    assert plain.steps_per_epoch == stored.steps_per_epoch
    assert plain.target_tokens == stored.target_tokens
    count = 2 * plain.steps_per_epoch
    expected = list(islice(plain.stream(), 2 * count))
    for first in (0, 3, plain.steps_per_epoch + 2):
        found = islice(stored.stream(first), count)
        pairs = zip(found, expected[first : first + count], strict=True)
        assert all(same(*batches) for batches in pairs)
    assert all(same(*batches) for batches in zip(plain.once(), stored.once(), strict=True))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("file", {}),
        ("file", {"batch_tokens": 40}),
        ("file", {"fixed_shapes": True}),
        ("store", {"batch_tokens": 40}),
    ],
)
def test_batches_of_words_are_the_same(kind, options, tmp_path, monkeypatch):
    check(WordTokenizer(Vocabulary(WORDS)), kind, tmp_path, monkeypatch, **options)


@pytest.mark.parametrize(
    ("kind", "dropout"), [("file", (0.3, 0.2)), ("file", (0.0, 0.4)), ("store", (0.0, 0.4))]
)
def test_batches_with_subword_dropout_are_the_same(kind, dropout, subwords, tmp_path, monkeypatch):
    limits = {"max_source_length": 9, "max_target_length": 10}
    check(subwords, kind, tmp_path, monkeypatch, subword_dropout=dropout, **limits)
