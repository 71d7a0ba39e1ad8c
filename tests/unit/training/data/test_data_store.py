"""The store of large data is read instead of the files, as long as it has the same pairs."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from keras_attention.errors import InputError
from keras_attention.files import file_states
from keras_attention.training.data import data_store, store_files
from keras_attention.training.data.data_store import (
    CHECKSUMS_FILE,
    LOCK_FILE,
    DataStore,
    PairsInStore,
    remembered,
)
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.recipe.data_config import DataConfig

ROWS = [f"source {number}\ttarget {number % 7}\n" for number in range(40)]


@pytest.fixture
def config(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(ROWS))
    path = str(tmp_path / "pairs.tsv")
    return DataConfig(format="tsv", path=path, held_out=5, in_memory=0)


@pytest.fixture
def store(tmp_path):
    return DataStore.beside(tmp_path / "run")


@pytest.fixture
def writes(monkeypatch):
    """Return a list that grows each time the pairs are written."""
    written, write = [], data_store.write_files
    monkeypatch.setattr(data_store, "write_files", lambda *args: written.append(1) or write(*args))
    return written


def test_the_second_start_reads_the_pairs_from_the_store(config, store, writes, monkeypatch):
    first = split_pairs(config, 3, store)
    assert isinstance(first[0], PairsInStore) and store.path.name == "run.store"
    in_memory = split_pairs(replace(config, in_memory=1), 3)
    monkeypatch.setattr("keras_attention.training.data.pair_files.read_lines", None)
    second = split_pairs(config, 3, store)
    assert (list(first[0]), first[1]) == (list(second[0]), second[1]) == in_memory
    assert writes == [1]


def test_a_later_start_does_not_read_the_training_files(config, store, monkeypatch):
    os.utime(config.path, ns=(1, 1))
    read_pairs(config, 1, store)
    monkeypatch.setattr(file_states, "_known", {})  # as in another process
    monkeypatch.setattr(file_states, "checksum_of", None)
    assert len(read_pairs(config, 1, store)) == len(ROWS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": [*ROWS, "one\tmore\n"]}, "data.path, file 1: changed"),
        ({"rows": [*ROWS[:-1], ROWS[-1].replace("39", "93")]}, "data.path, file 1: changed"),
        ({"source_column": "2", "target_column": "1"}, "data.source_column: changed"),
        ({"header": True}, "data.header: changed"),
        ({"damage": "texts"}, "texts: damaged"),
        ({"damage": "ends"}, "ends: damaged"),
    ],
)
def test_the_pairs_are_written_again_if_anything_has_changed(
    change, reason, config, store, writes, caplog
):
    read_pairs(config, 1, store)
    change = dict(change)
    if "rows" in change:
        with open(config.path, "w") as file:
            file.writelines(change.pop("rows"))
    if "damage" in change:
        path = store.pairs_folder.path / change.pop("damage")
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(content)
    config = replace(config, **change)
    caplog.set_level(logging.INFO)
    assert list(read_pairs(config, 1, store)) == read_pairs(replace(config, in_memory=1))
    assert writes == [1, 1] and reason in caplog.text


def test_the_store_is_reused_if_a_file_moves_or_settings_leave_the_pairs_unchanged(
    config, store, writes, tmp_path
):
    read_pairs(config, 1, store)
    (tmp_path / "pairs.tsv").rename(tmp_path / "moved.tsv")
    config = replace(config, path=str(tmp_path / "moved.tsv"), held_out=3, max_source_length=9)
    read_pairs(config, 1, store)
    assert writes == [1]


def test_data_below_the_limit_is_in_memory_and_has_no_store(config, store, writes):
    small = replace(config, in_memory=1)
    assert isinstance(read_pairs(small, 1, store), list) and not store.path.exists()
    large = read_pairs(config, 1, store)
    assert read_pairs(small, 1, store) == list(large) and writes == [1]


def test_an_error_in_the_data_leaves_no_store(config, store):
    with open(config.path, "a") as file:
        file.write("no tab\n")
    with pytest.raises(InputError, match="line 41"):
        read_pairs(config, 1, store)
    assert not store.path.exists()


@pytest.mark.parametrize("number", [28, 122])
def test_a_full_disk_is_reported_in_one_sentence(number, config, store, monkeypatch):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store_files, "write_texts", fail)
    message = f"expected a path that can be written. Received: {os.strerror(number)}"
    with pytest.raises(InputError, match=message):
        read_pairs(config, 1, store)
    assert not store.path.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_disk_that_is_full_while_the_ends_file_is_written_is_reported(config, store, monkeypatch):
    def open_full(path, *args):
        return open("/dev/full" if path.name == "ends" else path, *args)

    monkeypatch.setattr(store_files, "open", open_full, raising=False)
    with pytest.raises(InputError, match="path that can be written. Received: No space left"):
        read_pairs(config, 1, store)
    assert not store.path.exists()


def test_a_store_that_lacks_pairs_is_written_again(config, store, writes, caplog):
    read_pairs(config, 1, store)
    assert store.pairs_folder.numbers()["pairs"] == 40
    record = store.pairs_folder.path / "record.json"
    record.write_text(record.read_text().replace('"pairs": 40', '"pairs": 41'))
    caplog.set_level(logging.INFO)
    assert len(read_pairs(config, 1, store)) == 40
    assert writes == [1, 1] and "again (ends: not complete)" in caplog.text


def test_pairs_are_in_a_temporary_file_if_the_store_cannot_be_created(
    config, store, monkeypatch, caplog
):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    pairs = read_pairs(config, 1, store)
    assert not isinstance(pairs, PairsInStore | list) and len(pairs) == 40
    assert "cannot be written (Permission denied)" in caplog.text


def test_a_read_only_store_is_read_and_not_changed(config, store, monkeypatch, caplog):
    stored = read_pairs(config, 1, store)
    monkeypatch.setattr(data_store.os, "access", lambda path, mode: path != store.path)
    assert list(read_pairs(config, 1, store)) == list(stored) and caplog.text == ""
    assert remembered(stored, "answer", {}, lambda: "yes") == "yes"
    changed = read_pairs(replace(config, header=True), 1, store)
    assert not isinstance(changed, PairsInStore) and len(changed) == 39
    assert "cannot be written (Permission denied)" in caplog.text
    assert list(read_pairs(config, 1, store)) == list(stored)
    assert not (store.path / "results").exists()


def test_a_store_that_vanishes_after_its_check_is_written_again(config, store, writes, monkeypatch):
    read_pairs(config, 1, store)
    mapped = data_store.map_pairs

    def vanish_then_map(folder):
        if len(writes) == 1:
            shutil.rmtree(folder, ignore_errors=True)
        return mapped(folder)

    monkeypatch.setattr(data_store, "map_pairs", vanish_then_map)
    assert len(read_pairs(config, 1, store)) == 40 and writes == [1, 1]


def test_a_pipe_has_no_store(config, store, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("".join(ROWS)))
    writer.start()
    pairs = read_pairs(replace(config, path=str(pipe)), 1, store)
    writer.join()
    assert len(pairs) == 40 and not store.path.exists()


def test_a_run_that_replays_pairs_has_no_store(config, store):
    assert len(read_pairs(replace(config, replay=0.1), 1, store)) == 40
    assert not store.path.exists()


def test_a_file_that_changes_while_it_is_read_is_an_error(config, store, monkeypatch):
    write = data_store.write_files

    def write_and_change(*args):
        with open(config.path, "a") as file:
            file.write("one\tmore\n")
        return write(*args)

    monkeypatch.setattr(data_store, "write_files", write_and_change)
    with pytest.raises(InputError, match="has changed while it was read"):
        read_pairs(config, 1, store)
    assert not store.path.exists()


def test_results_are_computed_once_for_the_same_pairs_in_the_same_order(config, store):
    computed = []

    def compute():
        computed.append(1)
        return "가\n"

    pairs = read_pairs(config, 1, store)
    for each in (pairs, pairs, pairs.take([1, 0]), pairs.take([0, 1]), pairs.take([0, 1])):
        assert remembered(each, "answer", {"seed": "1"}, compute) == "가\n"
    assert len(computed) == 3
    remembered(pairs.take([0, 1]), "answer", {"seed": "2"}, compute)
    assert len(computed) == 4
    path = store.path / "results" / "answer.json"
    path.write_text(path.read_text().replace("가", "나"))
    assert remembered(pairs.take([0, 1]), "answer", {"seed": "2"}, compute) == "가\n"
    assert len(computed) == 5
    assert remembered(list(pairs), "answer", {"seed": "2"}, compute) == "가\n"
    assert len(computed) == 6


CHILD = """
import sys, time
from keras_attention.training.data import data_store, pairs
from keras_attention.training.recipe.data_config import DataConfig
write = data_store.write_files
def slow(folder, rows):
    count = write(folder, rows)
    print("written", flush=True)
    time.sleep(float(sys.argv[3]))
    return count
data_store.write_files = slow
config = DataConfig(format="tsv", path=sys.argv[1], in_memory=0)
print(len(pairs.read_pairs(config, 1, data_store.DataStore(data_store.Path(sys.argv[2])))))
"""


def start(config, store, seconds):
    command = [sys.executable, "-c", CHILD, config.path, str(store.path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    return process


def test_processes_wait_for_each_other_and_a_killed_one_leaves_nothing(config, store, writes):
    killed = start(config, store, 60)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert not store.pairs_folder.path.exists()
    assert [path for path in store.path.iterdir() if path.is_dir()]  # what it had written
    slow = start(config, store, 0.5)
    assert len(read_pairs(config, 1, store)) == 40
    assert writes == []  # the other process wrote them
    with slow:
        assert slow.stdout.read() == "40\n" and slow.wait() == 0
    names = {path.name for path in store.path.iterdir()}
    assert names - {CHECKSUMS_FILE} == {"pairs", LOCK_FILE}
