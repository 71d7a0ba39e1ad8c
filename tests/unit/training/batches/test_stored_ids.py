"""Pairs in a store are encoded as ids once, and again only if the pairs or a tokenizer change."""

import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.errors import InputError, TextError
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import CharacterTokenizer, SubwordTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.batches import stored_ids
from keras_attention.training.batches.encoded_pairs import encode_pairs
from keras_attention.training.batches.stored_ids import encode_in_store
from keras_attention.training.data.data_store import DataStore
from keras_attention.training.data.pairs import read_pairs
from keras_attention.training.recipe.data_config import DataConfig

PAIRS = [(f"<n={n % 3}> a{n} b", f"c d{n % 5} {'e' * (n % 4)}f") for n in range(30)]
WORDS = WordTokenizer(Vocabulary(["b", "c", "f"]), features=SourceFeatures({"n": ["0", "1", "2"]}))
LETTERS = CharacterTokenizer(Vocabulary("cdef12 "))
LEARNED = learn_subwords([text for pair in PAIRS for text in pair], 30)
SUBWORDS = SubwordTokenizer(LEARNED, normalization="nfkc")


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    config = DataConfig(format="tsv", path=str(path), in_memory=0)
    return read_pairs(config, 1, DataStore(tmp_path / "run.store"))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(stored_ids, "_CHUNK", 4)
    monkeypatch.setattr(stored_ids, "_LEAST", 99)


@pytest.fixture
def writes(monkeypatch):
    """Return a list that grows each time ids are written."""
    written, write = [], stored_ids._write
    monkeypatch.setattr(stored_ids, "_write", lambda *args: written.append(1) or write(*args))
    return written


def ids_of(sides):
    """Return the ids of each sequence of each side."""
    rows = [side.to_tensors().pad(np.arange(len(side.lengths))) for side in sides]
    return [[ids[real].numpy().tolist() for ids, real in zip(*each, strict=True)] for each in rows]


def expected(pairs, tokenizers):
    return [[tokenizers[side].encode(pair[side]) for pair in pairs] for side in (0, 1)]


@pytest.mark.parametrize("tokenizers", [(WORDS, LETTERS), (SUBWORDS, SUBWORDS)])
def test_several_processes_write_the_ids_that_tokenizers_return(tokenizers, pairs, monkeypatch):
    monkeypatch.setattr(stored_ids, "_LEAST", 1)
    monkeypatch.setattr(stored_ids, "count_cores", lambda: 2)
    taken = pairs.take([9, 0, *range(28, 10, -1)])
    assert ids_of(encode_in_store(taken, tokenizers, "pairs")) == expected(taken, tokenizers)


def test_a_worker_process_imports_neither_keras_nor_tensorflow():
    module = "keras_attention.training.batches.encoding_worker"
    code = (
        f"import sys, {module}; sys.exit(bool({{'keras', 'tensorflow', 'jax'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_second_start_reads_the_ids_and_logs_a_message(pairs, writes, caplog):
    caplog.set_level(logging.INFO)
    tokenizers = WORDS, LETTERS
    first = ids_of(encode_in_store(pairs, tokenizers, "pairs"))
    assert "earlier start" not in caplog.text
    again = WordTokenizer.from_bytes(WORDS.to_bytes(), features=WORDS.features), LETTERS
    assert ids_of(encode_in_store(pairs.take(range(30)), again, "pairs")) == first
    assert writes == [1]
    message = "ids of 30 training pairs were stored by an earlier start and are reused"
    assert message in caplog.text


def test_another_order_and_other_limits_use_the_same_ids(pairs, writes):
    tokenizers = WORDS, LETTERS
    encode_in_store(pairs, tokenizers, "pairs")
    mixed = pairs.take(np.random.default_rng(2).permutation(30))
    assert ids_of(encode_in_store(mixed, tokenizers, "pairs")) == expected(mixed, tokenizers)
    for limits in ((9, 9), (5, 11)):
        stored = encode_pairs(mixed, tokenizers, limits)
        plain = encode_pairs(list(mixed), tokenizers, limits)
        assert stored.kept.tolist() == plain.kept.tolist()
        assert stored.sources.lengths.tolist() == plain.sources.lengths.tolist()
        assert stored.targets.lengths.tolist() == plain.targets.lengths.tolist()
    assert writes == [1]


@pytest.mark.parametrize(
    ("tokenizers", "reason"),
    [
        ((WORDS, CharacterTokenizer(Vocabulary("abcdef12 "))), "the tokenizer of targets: changed"),
        ((WORDS, CharacterTokenizer(LETTERS.vocabulary, lowercase=True)), "of targets: changed"),
        ((WORDS, WordTokenizer(LETTERS.vocabulary)), "the tokenizer of targets: changed"),
        ((LETTERS, LETTERS), "the tokenizer of sources: changed"),
    ],
)
def test_pairs_are_encoded_again_if_a_tokenizer_changes(tokenizers, reason, pairs, writes, caplog):
    caplog.set_level(logging.INFO)
    encode_in_store(pairs, (WORDS, LETTERS), "pairs")
    assert ids_of(encode_in_store(pairs, tokenizers, "pairs")) == expected(PAIRS, tokenizers)
    assert writes == [1, 1] and reason in caplog.text


def test_other_training_pairs_are_encoded(pairs, writes, caplog):
    caplog.set_level(logging.INFO)
    encode_in_store(pairs, (WORDS, LETTERS), "pairs")
    fewer = pairs.take([3, 1])
    assert ids_of(encode_in_store(fewer, (WORDS, LETTERS), "pairs")) == expected(
        [PAIRS[3], PAIRS[1]], (WORDS, LETTERS)
    )
    assert writes == [1, 1] and "the training pairs: changed" in caplog.text


@pytest.mark.parametrize("name", ["sources.ids", "targets.ends"])
def test_damaged_ids_are_encoded_again(name, pairs, writes, caplog):
    caplog.set_level(logging.INFO)
    encode_in_store(pairs, (WORDS, LETTERS), "pairs")
    path = pairs.store.ids_folder.path / name
    path.write_bytes(path.read_bytes()[:-4])
    assert ids_of(encode_in_store(pairs, (WORDS, LETTERS), "pairs")) == expected(
        PAIRS, (WORDS, LETTERS)
    )
    assert writes == [1, 1] and f"{name}: damaged" in caplog.text


def test_a_run_encodes_its_own_pairs_after_another_run_has_replaced_them_in_the_store(
    pairs, monkeypatch, tmp_path
):
    monkeypatch.setattr(stored_ids, "_LEAST", 1)
    monkeypatch.setattr(stored_ids, "count_cores", lambda: 2)
    (tmp_path / "other.tsv").write_text("<n=1> c b\td\n" * 30)
    other = DataConfig(format="tsv", path=str(tmp_path / "other.tsv"), in_memory=0)
    read_pairs(other, 1, DataStore(pairs.store.path))
    tokenizers = WORDS, LETTERS
    assert ids_of(encode_in_store(pairs, tokenizers, "pairs")) == expected(PAIRS, tokenizers)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_names_the_training_pair(processes, pairs, monkeypatch):
    monkeypatch.setattr(stored_ids, "count_cores", lambda: processes)
    monkeypatch.setattr(stored_ids, "_LEAST", 1)
    few = WordTokenizer(Vocabulary([]), features=SourceFeatures({"n": ["0", "1"]}))
    with pytest.raises(TextError, match=r"^pair 2: expected the source feature n"):
        encode_in_store(pairs.take([*range(28, 18, -1)]).take([6, 8, 9]), (few, LETTERS), "pairs")
    assert not pairs.store.ids_folder.path.exists()


def test_a_worker_that_ends_early_is_reported_and_leaves_no_ids(pairs, monkeypatch):
    monkeypatch.setattr(stored_ids, "count_cores", lambda: 2)
    monkeypatch.setattr(stored_ids, "_LEAST", 1)
    monkeypatch.setattr(stored_ids, "WORKER", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(InputError, match="a worker process ended early, with exit code 3"):
        encode_in_store(pairs, (WORDS, LETTERS), "pairs")
    assert not pairs.store.ids_folder.path.exists()


def test_an_error_in_a_process_is_raised_in_one_sentence(pairs, monkeypatch):
    monkeypatch.setattr(stored_ids, "count_cores", lambda: 2)
    monkeypatch.setattr(stored_ids, "_LEAST", 1)
    monkeypatch.setattr(DataStore, "has", lambda store, pairs: True)
    shutil.rmtree(pairs.store.pairs_folder.path)
    with pytest.raises(InputError, match="cannot be encoded. Received: FileNotFoundError: "):
        encode_in_store(pairs, (WORDS, LETTERS), "pairs")


def test_ids_are_in_temporary_files_if_the_store_is_read_only(pairs, monkeypatch, caplog):
    encode_pairs(pairs, (WORDS, LETTERS), (99, 99))
    before = {path.name for path in pairs.store.path.iterdir()}
    monkeypatch.setattr("os.access", lambda path, mode: False)
    again = encode_pairs(pairs, (WORDS, LETTERS), (99, 99))
    assert caplog.text == ""  # they are read
    other = encode_pairs(pairs, (LETTERS, LETTERS), (99, 99))
    assert "cannot be written, so the token ids are in temporary files" in caplog.text
    assert ids_of([again.sources, again.targets]) == expected(PAIRS, (WORDS, LETTERS))
    assert ids_of([other.sources, other.targets]) == expected(PAIRS, (LETTERS, LETTERS))
    assert {path.name for path in pairs.store.path.iterdir()} == before


def test_a_full_disk_is_reported_in_one_sentence(pairs, monkeypatch):
    def fail(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(stored_ids, "_write", fail)
    with pytest.raises(InputError, match="expected a path that can be written. Received: No space"):
        encode_in_store(pairs, (WORDS, LETTERS), "pairs")


def test_a_mapped_tensor_has_the_numbers_of_the_file_that_is_there_now(tmp_path):
    path, found = tmp_path / "ids", []
    for number in (1, 2):
        np.full(1_000_000, number, "int32").tofile(tmp_path / "new")
        (tmp_path / "new").replace(path)
        found.append(stored_ids.map_tensor(path, tf.int32))
    assert [tf.reduce_min(each).numpy() for each in found] == [1, 2]
    assert [tf.reduce_max(each).numpy() for each in found] == [1, 2]
    assert [each.shape for each in found] == [[1_000_000], [1_000_000]]
