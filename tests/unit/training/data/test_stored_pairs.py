"""Pairs in a temporary file are the same as in a list."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training.data import stored_pairs
from keras_attention.training.data.pairs import read_pairs, split_pairs, split_rows
from keras_attention.training.data.stored_pairs import StoredPairs, collect_pairs, join_pairs
from keras_attention.training.recipe.data_config import DataConfig

PAIRS = [("가나", "b"), ("c d", ""), ("", "\ud800"), ("a\tb", "e\nf"), ("가나", "b")]


def test_stored_pairs_are_a_sequence_of_the_pairs(monkeypatch):
    monkeypatch.setattr(stored_pairs, "_CHUNK", 2)
    stored = StoredPairs.of(iter(PAIRS))
    assert list(stored) == PAIRS and len(stored) == 5
    assert stored[1] == PAIRS[1] and stored[-1] == PAIRS[-1] and stored[1:4] == PAIRS[1:4]
    assert list(stored.take([4, 0, 3]).take([2, 0])) == [PAIRS[3], PAIRS[4]]
    with pytest.raises(IndexError):
        stored[5]


@pytest.mark.parametrize(("characters", "kind"), [(16, list), (15, StoredPairs)])
def test_pairs_above_the_limit_are_in_a_file(characters, kind):
    found = collect_pairs(iter(PAIRS), characters / 1e6)
    assert type(found) is kind and list(found) == PAIRS


@pytest.mark.parametrize("held_out", [0, 2])
def test_a_large_file_is_split_like_a_small_one(tmp_path, held_out):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{number}\t{number * number}\n" for number in range(40)))
    small = DataConfig(format="tsv", path=str(path), held_out=held_out)
    large = DataConfig(format="tsv", path=str(path), held_out=held_out, in_memory=0)
    assert isinstance(read_pairs(large), StoredPairs)
    assert list(read_pairs(large)) == read_pairs(small)
    training, kept = split_pairs(large, 7)
    assert (list(training), kept) == split_pairs(small, 7)
    rows = list(range(40))
    assert split_rows(rows, small, 7)[1] == [int(source) for source, _ in kept]


def test_replayed_pairs_are_added_to_the_file():
    stored = StoredPairs.of(PAIRS)
    assert list(join_pairs(stored, [("x", "y")])) == [*PAIRS, ("x", "y")]
    assert join_pairs(stored, []) is stored
    assert join_pairs(PAIRS, [("x", "y")]) == [*PAIRS, ("x", "y")]


def test_a_full_disk_is_reported_in_one_sentence(monkeypatch):
    class Full:
        def __call__(self, **options):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", Full())
    with pytest.raises(InputError, match="expected a path that can be written. Received: No space"):
        StoredPairs.of(PAIRS)
