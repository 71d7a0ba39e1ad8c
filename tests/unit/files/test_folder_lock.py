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
import os
import sys
from pathlib import Path
from keras_attention.files.folder_lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("holds", flush=True)
    if sys.stdin.readline() and not os.fork():
        print("forked", flush=True)
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
        return (folder / LOCK_FILE).read_text().split()


def test_a_folder_is_held_and_given_back(tmp_path):
    folder = tmp_path / "new" / "grid"
    assert hold(folder) == [str(os.getpid()), platform.node()]
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


@pytest.mark.parametrize("call", ["os.open", "Path.write_text"])
def test_a_lock_that_cannot_be_written_leaves_nothing(call, tmp_path, monkeypatch):
    """Either the file cannot be made, or it is made and its content does not fit."""

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"keras_attention.files.folder_lock.{call}", fail)
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
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"{holder.pid}\n")
    holder.communicate()
    hold(tmp_path)


@pytest.mark.parametrize("forks", [False, True])
def test_what_a_killed_process_left_is_taken_over(forks, tmp_path, holder):
    """Workers that it forked, which may live on, do not keep the folder."""
    if forks:
        holder.stdin.write(b"fork\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"forked\n"
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_FILE).is_file()
    assert hold(tmp_path)[0] == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "1 on a machine of others", "x", f"1 on {platform.node()}"])
def test_a_file_that_no_process_locks_is_taken_over(text, tmp_path):
    """An earlier version wrote such files, and the number of a process may come again."""
    (tmp_path / LOCK_FILE).write_text(text)
    assert hold(tmp_path) == [str(os.getpid()), platform.node()]


def test_a_file_system_without_locks_has_a_marker_instead(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="falling back"), hold_folder(tmp_path):
        with pytest.raises(InputError, match=f"process {os.getpid()} on .* is at work here"):
            hold(tmp_path)
    assert list(tmp_path.iterdir()) == []


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
