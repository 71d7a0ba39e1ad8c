"""A run whose pairs are in a file has the same data and tokenizers as a run in memory."""

from dataclasses import replace

import pytest

from keras_attention.errors import InputError
from keras_attention.training.assembly import tokenizers
from keras_attention.training.data.data_store import DataStore
from keras_attention.training.data.stored_pairs import StoredPairs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_start import new_start

TOKENIZERS = {
    "word": ["source_tokenizer=word", "target_tokenizer=word"],
    "subword": ["source_tokenizer=subword", "target_tokenizer=subword", "joint_vocabulary=true"],
}
SIZES = ["source_vocabulary_size=24", "target_vocabulary_size=24"]


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "pairs.tsv"
    rows = (f"{number} one{number % 7}\t{number * number} two\n" for number in range(60))
    path.write_text("".join(rows))

    def start(tokenizer, in_memory):
        settings = ["format=tsv", f"path={path}", "held_out=5", f"in_memory={in_memory}"]
        return new_start(load_recipe("copy", [*settings, *TOKENIZERS[tokenizer], *SIZES]))

    return start


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_large_run_starts_like_a_small_one(tokenizer, start):
    small, large = start(tokenizer, 1), start(tokenizer, 0)
    assert isinstance(large.training, StoredPairs) and list(large.training) == small.training
    assert large.codec.to_files() == small.codec.to_files()
    assert replace(large.data, recipe=small.data.recipe) == small.data


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_tokenizers_of_large_data_are_learned_from_a_sample(tokenizer, start, monkeypatch):
    whole = start(tokenizer, 0)
    monkeypatch.setattr(tokenizers, "LEARNING_SAMPLE", 50)
    sampled = start(tokenizer, 0)
    assert sampled.codec.to_files() == start(tokenizer, 0).codec.to_files()
    assert sampled.codec.to_files() != whole.codec.to_files()
    assert start(tokenizer, 1).codec.to_files() == whole.codec.to_files()
    assert start(tokenizer, 1).training == list(sampled.training)


def test_a_sample_has_the_declared_number_of_pairs(start, monkeypatch):
    seen = []

    def learn(texts, *_, **__):
        seen.extend(texts)
        raise InputError("no model was learned.")

    monkeypatch.setattr(tokenizers, "LEARNING_SAMPLE", 50)
    monkeypatch.setattr(tokenizers, "learn_subwords", learn)
    with pytest.raises(InputError):
        start("subword", 0)
    assert len(seen) == 2 * 50


def test_values_of_source_features_are_stored_too(tmp_path, monkeypatch):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"<topic={n % 3}> a{n}\tb{n}\n" for n in range(20)))
    settings = ["format=tsv", f"path={path}", "held_out=2", "source_features=topic"]
    small = new_start(load_recipe("copy", [*settings, "in_memory=1"]))
    recipe, store = load_recipe("copy", [*settings, "in_memory=0"]), DataStore(tmp_path / "s.store")
    first = new_start(recipe, store=store)
    monkeypatch.setattr(tokenizers.SourceFeatures, "learn", None)
    second = new_start(recipe, store=store)
    for start in (first, second):
        assert start.codec.to_files() == small.codec.to_files()
        assert replace(start.data, recipe=small.data.recipe) == small.data
