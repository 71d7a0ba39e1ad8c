"""The digest of a file is computed again only if its state shows that it may have changed."""

import os

import pytest

from keras_attention.errors import InputError
from keras_attention.files import file_states
from keras_attention.files.artefacts import checksum_of
from keras_attention.files.file_states import (
    FileState,
    cached_checksum,
    load_checksums,
    save_checksums,
    settle,
)


@pytest.fixture
def reads(monkeypatch):
    """Return a list that grows each time a file is read."""
    read = []
    monkeypatch.setattr(file_states, "_known", {})
    monkeypatch.setattr(
        file_states, "checksum_of", lambda path: read.append(path.name) or checksum_of(path)
    )
    return read


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("one\teins\n")
    settle(path)
    return path


def test_the_digest_is_computed_once(file, reads):
    assert cached_checksum(file) == cached_checksum(str(file)) == checksum_of(file)
    assert reads == ["pairs.tsv"]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("one\tzwei\n"),
        lambda path: path.write_text("two\tzwei\n"),
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: (
            path.with_suffix(".new").write_text("two\tzwei\n")
            and os.replace(path.with_suffix(".new"), path)
        ),
    ],
)
def test_a_file_that_was_written_or_replaced_is_read_again(change, file, reads):
    cached_checksum(file)
    change(file)
    assert cached_checksum(file) == checksum_of(file) and len(reads) == 2


def test_a_file_that_was_just_written_is_read_each_time(file, reads, tmp_path):
    for text in ("one", "two", "six"):  # a coarse clock may give all of them the same time
        file.write_text(text)
        assert cached_checksum(file) == checksum_of(file)
    save_checksums(tmp_path / "files.json", [str(file)])
    reads.clear()
    load_checksums(tmp_path / "files.json")
    cached_checksum(file)
    assert reads == ["pairs.tsv"]


def test_stored_digests_are_used_while_the_state_is_the_same(file, reads, tmp_path, monkeypatch):
    expected, stored = cached_checksum(file), tmp_path / "files.json"
    for _ in range(2):
        save_checksums(stored, [str(file)])
    state = FileState.of(stored)
    save_checksums(stored, [str(file)])
    assert FileState.of(stored) == state  # not written again
    monkeypatch.setattr(file_states, "_known", {})
    load_checksums(stored)
    assert cached_checksum(file) == expected and len(reads) == 1
    file.write_text("changed")
    assert cached_checksum(file) == checksum_of(file) != expected


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"format": 1, "files": {"a": {"state": [1], "sha256": ""}}}'],
)
def test_a_missing_or_damaged_file_of_digests_is_ignored(content, file, reads, tmp_path):
    load_checksums(tmp_path / "missing.json")
    (tmp_path / "files.json").write_text(content)
    load_checksums(tmp_path / "files.json")
    assert cached_checksum(file) == checksum_of(file) and len(reads) == 1


def test_digests_of_files_whose_names_are_not_utf8_are_not_stored(reads, tmp_path):
    file = tmp_path / os.fsdecode(b"odd\xff.tsv")
    file.touch()
    settle(file)
    cached_checksum(file)
    save_checksums(tmp_path / "files.json", [str(file)])
    assert os.listdir(tmp_path) == [file.name]


def test_a_missing_file_has_no_state(tmp_path):
    assert FileState.find(tmp_path / "missing") is None
    with pytest.raises(InputError, match="missing"):
        cached_checksum(tmp_path / "missing")
