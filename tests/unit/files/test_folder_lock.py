"""Processes compete for a folder: a running process keeps its lock, and a dead one loses it."""

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
    """Start a process that holds the folder until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    yield process
    process.kill()
    process.communicate()


def hold(folder):
    with hold_folder(folder):
        return (folder / LOCK_FILE).read_text().split()


def test_a_folder_is_locked_and_released(tmp_path):
    folder = tmp_path / "new" / "grid"
    assert hold(folder) == [str(os.getpid()), platform.node()]
    with pytest.raises(KeyboardInterrupt), hold_folder(folder):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_kept(tmp_path):
    with hold_folder(tmp_path / "new" / "run", "train.lock"):
        assert (tmp_path / "new" / "run" / "train.lock").is_file()
        (tmp_path / "new" / "run" / "model.keras").touch()
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == ["model.keras"]


def test_a_folder_that_cannot_be_created_is_an_input_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="run: expected a path that can be written"):
        hold(tmp_path / "file" / "run")


@pytest.mark.parametrize("call", ["os.open", "Path.write_text"])
def test_a_lock_that_cannot_be_written_leaves_no_files(call, tmp_path, monkeypatch):
    """The disk is full when the lock file is created or when its content is written."""

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"keras_attention.files.folder_lock.{call}", fail)
    with pytest.raises(InputError, match="grid: .* Received: No space left on device"):
        hold(tmp_path / "new" / "grid")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_removed_if_not_all_can_be_created(tmp_path):
    with pytest.raises(InputError, match="File name too long"):
        hold(tmp_path / "new" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_locked_until_the_other_process_ends(tmp_path, holder):
    message = rf"process {holder.pid} on .* is using this folder; .* delete {LOCK_FILE} if"
    with pytest.raises(InputError, match=message):
        hold(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"{holder.pid}\n")
    holder.communicate()
    hold(tmp_path)


@pytest.mark.parametrize("forks", [False, True])
def test_the_lock_of_a_killed_process_is_taken_over(forks, tmp_path, holder):
    """Processes that it has forked may still run, but they do not hold the lock."""
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
def test_an_unlocked_lock_file_is_taken_over(text, tmp_path):
    """Such a file may come from an earlier version, and its process number may be in use again."""
    (tmp_path / LOCK_FILE).write_text(text)
    assert hold(tmp_path) == [str(os.getpid()), platform.node()]


def test_a_file_system_without_locks_uses_a_marker_file(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="falling back"), hold_folder(tmp_path):
        with pytest.raises(InputError, match=f"process {os.getpid()} on .* is using this folder"):
            hold(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs Unix pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to nothing"])
def test_a_lock_that_is_not_a_regular_file_is_not_read(kind, tmp_path):
    path = tmp_path / LOCK_FILE
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nothing")
    with pytest.raises(InputError, match="another process is using this folder; wait"):
        hold(tmp_path)
