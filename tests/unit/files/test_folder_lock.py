"""Processes that want one folder: a live one keeps it, a dead one does not."""

import errno
import os
import platform
import subprocess
import sys

import pytest

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import LOCK_FILE, hold_folder

HOLDER = """
import sys
from pathlib import Path
from keras_attention.files.folder_lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    yield process
    process.kill()
    process.communicate()


def hold(folder):
    with hold_folder(folder):
        return (folder / LOCK_FILE).read_text()


def test_a_folder_is_held_and_given_back(tmp_path):
    folder = tmp_path / "new" / "grid"
    assert hold(folder) == f"{os.getpid()} on {platform.node()}"
    with pytest.raises(KeyboardInterrupt), hold_folder(folder):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []  # as before: what was made is removed


def test_a_folder_with_something_in_it_stays(tmp_path):
    with hold_folder(tmp_path / "new" / "run", "train.lock"):
        assert (tmp_path / "new" / "run" / "train.lock").is_file()
        (tmp_path / "new" / "run" / "model.keras").touch()
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == ["model.keras"]


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="run: expected a place that can be written"):
        hold(tmp_path / "file" / "run")


@pytest.mark.parametrize("call", ["open", "getpid"])
def test_a_lock_that_cannot_be_written_leaves_nothing(call, tmp_path, monkeypatch):
    """Either the file cannot be made, or it is made and its content does not fit."""

    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"keras_attention.files.folder_lock.os.{call}", fail)
    with pytest.raises(InputError, match="grid: .* Received: No space left on device"):
        hold(tmp_path / "new" / "grid")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_all_be_made_are_removed(tmp_path):
    with pytest.raises(InputError, match="File name too long"):
        hold(tmp_path / "new" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_holds_is_refused_until_it_ends(tmp_path, holder):
    message = rf"process {holder.pid} on .* is at work here; .* remove {LOCK_FILE} if"
    with pytest.raises(InputError, match=message):
        hold(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"{holder.pid} ")
    holder.communicate()
    hold(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="nothing tells there whether a process runs")
def test_what_a_killed_process_left_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.communicate()
    assert (tmp_path / LOCK_FILE).is_file()
    assert hold(tmp_path).startswith(f"{os.getpid()} ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="nothing tells there whether a process runs")
def test_a_number_that_has_come_again_is_no_other_process(tmp_path):
    (tmp_path / LOCK_FILE).write_text(f"{os.getpid()} on {platform.node()}")
    hold(tmp_path)


@pytest.mark.parametrize("text", ["", "1 on a machine of others", "x", f"1 on {platform.node()}"])
def test_what_may_still_be_at_work_is_left(text, tmp_path):
    """A file that is just being written, another machine's process, and one that lives."""
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(InputError, match="is at work here"):
        hold(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="nothing tells there whether a process runs")
def test_of_two_that_take_over_the_second_is_refused(tmp_path, monkeypatch):
    """The other has it between our reading of what a dead process left and its removal."""
    from keras_attention.files import folder_lock

    path, other = tmp_path / LOCK_FILE, f"1 on {platform.node()}"
    path.write_text("the dead one's")

    def is_gone(holder):
        path.write_text(other)
        return True

    monkeypatch.setattr(folder_lock, "_is_gone", is_gone)
    with pytest.raises(InputError, match="process 1 on .* is at work here"):
        hold(tmp_path)
    assert path.read_text() == other
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to nothing"])
def test_a_lock_that_is_no_file_is_not_read(kind, tmp_path):
    path = tmp_path / LOCK_FILE
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nothing")
    with pytest.raises(InputError, match="another process is at work here; wait"):
        hold(tmp_path)
