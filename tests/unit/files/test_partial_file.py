"""A file that is written in parts appears when it is complete. Until then it can be continued."""

import json
import os
from pathlib import Path

import pytest

from keras_attention.errors import InputError
from keras_attention.files import partial_file
from keras_attention.files.partial_file import write_in_parts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.txt"


def interrupt(path, *parts, resume=False):
    """Write parts and fail, as an interrupted command does."""
    with pytest.raises(KeyboardInterrupt), write_in_parts(path, resume=resume) as file:
        for number, part in enumerate(parts, start=1):
            file.add(part, {"parts": number})
        raise KeyboardInterrupt


def test_the_parts_and_the_old_file_stay_if_the_block_fails(path):
    path.write_text("old")
    interrupt(path, "가\n", "two\n")
    assert path.read_text() == "old"
    assert (path.parent / "out.txt.partial").read_text() == "가\ntwo\n"
    with write_in_parts(path, resume=True) as file:
        assert file.state == {"parts": 2}
        file.add("three\n", {"parts": 3})
    assert path.read_text() == "가\ntwo\nthree\n" and os.listdir(path.parent) == ["out.txt"]


def test_no_file_stays_if_no_part_was_written(path):
    interrupt(path.parent / "new" / "out.txt")
    assert not os.listdir(path.parent)


def test_a_file_is_begun_again_without_resume(path):
    interrupt(path, "one\n")
    with write_in_parts(path) as file:
        assert file.state == {}
        file.add("new\n", {})
    assert path.read_text() == "new\n"


def test_text_that_is_not_recorded_is_cut_off(path, monkeypatch):
    monkeypatch.setattr(partial_file, "_SECONDS", 0.0)
    interrupt(path, "one\n")
    with open(path.parent / "out.txt.partial", "a") as file:  # a killed process can leave this
        file.write("tw")
    interrupt(path, "three\n", resume=True)
    assert (path.parent / "out.txt.partial").read_text() == "one\nthree\n"


def test_a_part_that_is_not_written_completely_is_cut_off(path):
    with pytest.raises(KeyboardInterrupt), write_in_parts(path) as file:
        file.add("one\n", {"parts": 1})
        file._file.write(b"tw")
        raise KeyboardInterrupt
    assert (path.parent / "out.txt.partial").read_text() == "one\n"


def test_parts_that_cannot_be_continued_are_reported_in_one_sentence(path):
    path.write_text("complete")
    with pytest.raises(InputError, match="Received: a complete file"):
        interrupt(path, resume=True)
    interrupt(path, "one\n")
    part, record = path.parent / "out.txt.partial", path.parent / "out.txt.partial.json"
    part.write_text("")
    with pytest.raises(InputError, match="damaged, expected at least 4 bytes.*Received: 0;"):
        interrupt(path, resume=True)
    record.write_text(json.dumps({"format": 1, "bytes": "many", "state": {}}))
    with pytest.raises(InputError, match="`bytes` as an integer of at least 1"):
        interrupt(path, resume=True)


def test_two_processes_do_not_write_the_same_file(path):
    with write_in_parts(path) as file:
        file.add("one\n", {"parts": 1})
        with pytest.raises(InputError, match="another process is writing this file"):
            interrupt(path, "two\n")
    assert path.read_text() == "one\n"


def test_a_path_that_cannot_be_written_is_refused_at_the_start(path):
    path.mkdir()
    with pytest.raises(InputError, match="expected a file to write. Received: a folder"):
        interrupt(path, "one\n")


def test_a_file_that_another_process_completes_before_the_lock_is_not_emptied(path, monkeypatch):
    part, lock = path.parent / "out.txt.partial", partial_file._lock
    part.write_text("complete\n")

    def complete_and_lock(file, name):
        if not path.exists():
            os.replace(part, path)  # as another process does that had the lock
        lock(file, name)

    monkeypatch.setattr(partial_file, "_lock", complete_and_lock)
    interrupt(path, "one\n")
    assert (path.read_text(), part.read_text()) == ("complete\n", "one\n")


def test_a_file_is_closed_before_it_is_moved_or_deleted_on_windows(path, monkeypatch):
    monkeypatch.setattr(partial_file, "fcntl", None)
    replace, unlink, found = os.replace, Path.unlink, []

    def check(source):
        found.append(source == file.path and file._file.closed)

    monkeypatch.setattr(os, "replace", lambda *paths: [check(paths[0]), replace(*paths)])
    with write_in_parts(path) as file:
        file.add("one\n", {})
    assert found[-1]  # the record is moved before
    monkeypatch.setattr(Path, "unlink", lambda own, **options: [check(own), unlink(own, **options)])
    with pytest.raises(KeyboardInterrupt), write_in_parts(path) as file:
        found.clear()
        raise KeyboardInterrupt
    assert found == [True] and path.read_text() == "one\n"
