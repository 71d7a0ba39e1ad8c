import os
import sys

import pytest

from keras_attention.errors import InputError
from keras_attention.files import atomic_writes as module
from keras_attention.files.atomic_writes import write_atomically


def write(path, content):
    path.write_bytes(content)
    return path


def test_a_file_is_written_to_another_path_and_then_moved(tmp_path):
    path = tmp_path / "new" / "deep" / "model.keras"
    with write_atomically(str(path)) as temporary:
        assert temporary.name == "model.keras"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["model.keras"]


def test_a_written_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    with write_atomically(tmp_path / "file") as temporary:
        temporary.write_text("")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, InputError])
def test_a_failure_keeps_the_old_file(tmp_path, failure):
    path = write(tmp_path / "file", b"old")
    with pytest.raises(failure), write_atomically(path) as temporary:
        temporary.write_text("half")
        raise failure("stop")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_leaves_no_new_folders(tmp_path):
    with pytest.raises(RuntimeError), write_atomically(tmp_path / "new" / "deep" / "file"):
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def make_folder(folder, name):
    folder.mkdir()
    (folder / name).touch()
    return folder


def test_a_folder_replaces_the_whole_folder(tmp_path):
    path = make_folder(tmp_path / "folder", "old")
    with write_atomically(path, folder=True) as temporary:
        make_folder(temporary, "new")
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_failed_folder_is_removed(tmp_path):
    path = make_folder(tmp_path / "folder", "old")
    with pytest.raises(RuntimeError), write_atomically(path, folder=True) as temporary:
        make_folder(temporary, "new")
        raise RuntimeError
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_is_replaced_on_a_system_that_cannot_swap(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_swap", lambda *paths: False)
    test_a_folder_replaces_the_whole_folder(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux system call")
def test_two_folders_are_swapped_atomically(tmp_path):
    first, second = make_folder(tmp_path / "first", "1"), make_folder(tmp_path / "second", "2")
    assert module._swap(first, second)
    assert (os.listdir(first), os.listdir(second)) == (["2"], ["1"])
    assert not module._swap(first, tmp_path / "missing")


def test_a_failed_move_restores_the_old_folder(tmp_path, monkeypatch):
    path = make_folder(tmp_path / "folder", "old")
    replace = os.replace

    def refuse_new(source, target):
        if (source / "new").exists():
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_new)
    monkeypatch.setattr(module, "_swap", lambda *paths: False)  # like a system that cannot swap
    writing = write_atomically(path, folder=True)
    with pytest.raises(InputError, match="Permission denied"), writing as temporary:
        make_folder(temporary, "new")
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_file_never_replaces_a_folder(tmp_path):
    path = make_folder(tmp_path / "folder", "old")
    with pytest.raises(InputError) as error, write_atomically(path):
        pytest.fail("the block must not run")
    assert str(error.value) == f"{path}: expected a file to write. Received: a folder."
    assert os.listdir(path) == ["old"]


def test_a_folder_never_replaces_a_file(tmp_path):
    path = write(tmp_path / "file", b"old")
    with pytest.raises(InputError) as error, write_atomically(path, folder=True):
        pytest.fail("the block must not run")
    assert str(error.value) == f"{path}: expected a folder to write. Received: a file."
    assert path.read_text() == "old"


def test_a_path_below_a_file_is_rejected_before_the_block_runs(tmp_path):
    path = write(tmp_path / "file", b"") / "below"
    with pytest.raises(InputError) as error, write_atomically(path):
        pytest.fail("the block must not run")
    assert str(error.value).startswith(f"{path}: expected a path that can be written.")


def test_a_symbolic_link_is_followed(tmp_path):
    path = write(tmp_path / "file", b"old")
    (tmp_path / "link").symlink_to(path)
    with write_atomically(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert path.read_text() == "new"


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs a device file")
def test_a_device_is_never_replaced():
    with pytest.raises(InputError, match="Received: a device"), write_atomically("/dev/null"):
        pytest.fail("the block must not run")


FULL = OSError(28, "No space left on device")


class ResourceExhaustedError(Exception):
    """A stub for TensorFlow's error."""


ResourceExhaustedError.__module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError("Can't synchronously write data (error message = 'No space left on device')"),
        ResourceExhaustedError("variables.data: No space left on device [Op:SaveV2]"),
    ],
)
def test_a_full_disk_is_a_one_line_error_that_names_the_file(tmp_path, error):
    path = write(tmp_path / "file", b"old")
    with pytest.raises(InputError) as found, write_atomically(path) as temporary:
        temporary.write_text("half")
        raise error
    assert str(found.value) == (
        f"{path}: expected a path that can be written. Received: No space left on device."
    )
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError("No space left on device"), OSError(2, "missing")])
def test_other_errors_are_not_changed(tmp_path, error):
    with pytest.raises(type(error)) as found, write_atomically(tmp_path / "file"):
        raise error
    assert found.value is error


def test_a_disk_that_is_full_when_the_file_is_flushed_is_an_input_error(tmp_path, monkeypatch):
    def fail(descriptor):
        raise FULL

    monkeypatch.setattr(os, "fsync", fail)
    with (
        pytest.raises(InputError, match="new: .* No space left"),
        write_atomically(tmp_path / "new") as temporary,
    ):
        temporary.write_text("half")
    assert os.listdir(tmp_path) == []


def test_files_and_folders_are_flushed_before_they_are_moved(tmp_path, monkeypatch):
    flushed, fsync = [], os.fsync

    def note(descriptor):
        flushed.append(os.stat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with write_atomically(tmp_path / "folder", folder=True) as temporary:
        make_folder(temporary, "name")
        (temporary / "deep").mkdir()
        (temporary / "deep" / "file").write_text("content")
    folder = tmp_path / "folder"
    made = [folder / "name", folder, folder / "deep" / "file", folder / "deep", tmp_path]
    assert {path.stat().st_ino for path in made} == set(flushed)
    assert flushed[-1] == tmp_path.stat().st_ino


@pytest.mark.parametrize("name", ["가" * 80, "x" * 255, "가" * 85])
def test_the_longest_names_can_be_written(tmp_path, name):
    with write_atomically(tmp_path / name) as temporary:
        temporary.write_text("content")
    assert os.listdir(tmp_path) == [name]
