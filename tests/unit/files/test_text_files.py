import os
import sys

import pytest

from keras_attention.errors import InputError
from keras_attention.files import text_files as module
from keras_attention.files.text_files import decode_lines, read_lines, read_text, write_atomically


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\n\r\ntwo\r", ["one", "", "two"]),
        (b"one\r\r\n\r\r\ntwo\r\r\n", ["one", "", "two"]),
        (b"one\rtwo\r\rfour", ["one", "two", "", "four"]),
        (b"one\rtwo\r", ["one", "two"]),
        (b"\r", [""]),
        (b"\na\rb", ["", "a\rb"]),
        (b"a\rb\x0bc\x0cd\x1ce\n", ["a\rb\x0bc\x0cd\x1ce"]),
        ("a\u0085b\u2028c\u2029d\n".encode(), ["a\u0085b\u2028c\u2029d"]),
        ("\ufeffone\n\ufefftwo\n".encode(), ["one", "\ufefftwo"]),
        ("\ufeff\ufeffone\n".encode(), ["one"]),
        ("\ufeff\ufeffone\rtwo".encode(), ["one", "two"]),
        ("\ufeff".encode(), []),
        ("\ufeff\n".encode(), [""]),
        ("한국어\n".encode(), ["한국어"]),
    ],
)
def test_lines_end_at_line_feeds_or_at_carriage_returns_if_there_are_none(
    tmp_path, content, expected
):
    assert list(read_lines(write(tmp_path / "text", content))) == expected


def test_a_line_of_a_stream_can_be_read_before_the_next_one_is_written():
    end, begin = os.pipe()
    with open(end, "rb") as stream, open(begin, "wb", buffering=0) as writer:
        lines = decode_lines(stream, "standard input")
        for line in ("one", "two"):
            writer.write(line.encode() + b"\r\r\n")
            assert next(lines) == line


def test_lines_that_end_in_carriage_returns_are_numbered(tmp_path):
    lines = read_lines(write(tmp_path / "text", b"one\rtwo\rab\xff\rfour"))
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError, match="line 3: .* byte 0xff at column 3"):
        next(lines)


def test_read_text_does_not_change_the_text(tmp_path):
    path = write(tmp_path / "text", "\ufeffone\r\n\ufefftwo\r".encode())
    assert read_text(path) == "one\r\n\ufefftwo\r"
    assert read_text(write(tmp_path / "old", b"one\rtwo\r\r")) == "one\rtwo\r\r"


@pytest.mark.parametrize("read", [read_text, lambda path: list(read_lines(path))])
@pytest.mark.parametrize("name", ["missing.txt", ".", "file/below"])
def test_a_file_that_cannot_be_read(tmp_path, read, name):
    (tmp_path / "file").touch()
    path = tmp_path / name
    with pytest.raises(InputError, match="expected a file that can be read") as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who is not root")
def test_a_file_without_permission(tmp_path):
    path = write(tmp_path / "text", b"one\n")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_text(path)


@pytest.mark.parametrize("line", [b"ab\xff", b"ab\xc3", b"ab\xed\xa0\x80"])
def test_the_error_names_the_line_of_invalid_utf8(tmp_path, line):
    path = write(tmp_path / "text", b"one\ntwo\n" + line + b"\nfour\n")
    lines = read_lines(path)
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError) as error:
        next(lines)
    assert str(error.value) == (
        f"{path}, line 3: expected UTF-8 text. "
        f"Received: byte 0x{line[2]:02x} at column 3 of the line."
    )


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


def test_a_disk_that_is_full_when_the_file_is_flushed(tmp_path, monkeypatch):
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
