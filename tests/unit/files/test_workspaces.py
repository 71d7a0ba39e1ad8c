import os
import signal
import subprocess
import sys

import pytest

from keras_attention.files.atomic_writes import write_atomically
from keras_attention.files.workspaces import (
    REPLACED,
    clear_abandoned,
    find_leftovers,
    make_workspace,
    put_back_replaced,
)

DIE = """
import os, signal, sys
from pathlib import Path
from keras_attention.files import atomic_writes as files
from keras_attention.files.atomic_writes import write_atomically

def die(*paths):
    os.kill(os.getpid(), signal.SIGKILL)

path, folder = Path(sys.argv[1]), sys.argv[2] == "folder"
files._swap = lambda *paths: False
with write_atomically(path, folder=folder) as temporary:
    if folder:
        temporary.mkdir()
        replace = os.replace
        os.replace = lambda one, other: die() if str(one) == str(temporary) else replace(one, other)
    else:
        temporary.write_text("half")
        die()
"""


def killed_writer(path, kind):
    """Run a writer that is killed before the last rename."""
    done = subprocess.run([sys.executable, "-c", DIE, str(path), kind], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="needs Unix file locks")
def test_the_next_writer_removes_the_leftovers_of_a_killed_writer(tmp_path):
    for name in ("plot.png", "other.png"):
        killed_writer(tmp_path / name, "file")
    with write_atomically(tmp_path / "plot.png") as temporary:
        temporary.write_text("whole")
    left = sorted(os.listdir(tmp_path))
    assert left[1:] == ["plot.png"] and left[0].startswith(".other.png.unfinished-")


@pytest.mark.skipif(os.name == "nt", reason="needs Unix file locks")
def test_a_folder_that_a_killed_writer_moved_aside_is_restored(tmp_path):
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "old").touch()
    killed_writer(folder, "folder")
    assert not folder.exists()
    assert find_leftovers(tmp_path) == []
    put_back_replaced(tmp_path)
    assert os.listdir(tmp_path) == ["1"] and os.listdir(folder) == ["old"]


def test_the_workspace_of_a_running_writer_is_kept(tmp_path):
    with make_workspace(tmp_path / "1") as first, make_workspace(tmp_path / "1") as second:
        (first / REPLACED).mkdir()
        put_back_replaced(tmp_path)
        clear_abandoned(tmp_path / "1")
        assert sorted(tmp_path.iterdir()) == sorted([first, second])
    assert os.listdir(tmp_path) == []


def test_leftovers_are_the_workspaces_of_killed_writers(tmp_path):
    assert find_leftovers(tmp_path / "missing") == []
    with write_atomically(tmp_path / "text") as temporary:
        temporary.write_text("half")
        assert find_leftovers(tmp_path) == []
    left = tmp_path / ".text.unfinished-abcdefgh"
    left.mkdir()
    assert find_leftovers(tmp_path) == [left]
    (left / REPLACED).touch()  # this may be the only copy of the old file
    assert find_leftovers(tmp_path) == []
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".a.file").touch()
    (tmp_path / ".a.unfinished-abcdefgh").touch()
    (tmp_path / ".my.datasets").mkdir()  # this may be a user's folder
    assert find_leftovers(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="needs Unix file locks")
def test_only_workspaces_of_the_same_target_are_removed(tmp_path):
    long = "가" * 80
    names = (".1.unfinished-abcdefgh", ".2.unfinished-abcdefgh", ".hidden")
    for name in names:
        (tmp_path / name).mkdir()
    clear_abandoned(tmp_path / "1")
    assert sorted(os.listdir(tmp_path)) == [".2.unfinished-abcdefgh", ".hidden"]
    clear_abandoned(tmp_path / "missing" / "1")
    with make_workspace(tmp_path / long) as one, make_workspace(tmp_path / (long + "a")) as other:
        prefixes = [path.name[:-8] for path in (one, other)]
        assert prefixes[0] != prefixes[1]
        assert max(len(os.fsencode(name)) for name in prefixes) < 150
