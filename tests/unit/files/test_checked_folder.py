"""A checked folder is written whole, and is used only undamaged and for its own origin."""

import json
import os
import time

import pytest

from keras_attention.errors import InputError
from keras_attention.files import checked_folder
from keras_attention.files.checked_folder import RECORD_FILE, CheckedFolder

ORIGIN = {"data": "a", "settings": "b"}


@pytest.fixture
def folder(tmp_path):
    folder = CheckedFolder(tmp_path / "numbers")
    with folder.writing(ORIGIN) as (temporary, numbers):
        (temporary / "squares").write_bytes(bytes(1000))
        (temporary / "cubes").write_bytes(b"1 8 27")
        numbers["count"] = 3
    return folder


def test_a_written_folder_is_usable_only_with_the_same_origin(folder):
    assert folder.problem(ORIGIN) == "" and folder.numbers() == {"count": 3}
    assert folder.problem({**ORIGIN, "settings": "c"}) == "settings: changed"
    assert folder.problem({**ORIGIN, "more": "c"}) == "more: changed"
    assert folder.problem({"data": "a"}) == "settings: changed"
    assert CheckedFolder(folder.path / "other").problem(ORIGIN) == "missing"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(bytes(999) + b"\1"),
        lambda path: path.write_bytes(bytes(999)),
        lambda path: path.write_bytes(bytes(1001)),
        lambda path: path.unlink(),
    ],
)
def test_a_damaged_file_is_noticed(folder, damage):
    damage(folder.path / "squares")
    assert folder.problem(ORIGIN) == "squares: damaged"


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    def refuse(path, *_):
        if path.name == "cubes":
            raise PermissionError(13, "Permission denied")
        return real(path)

    real = checked_folder.open_artefact
    monkeypatch.setattr(checked_folder, "open_artefact", refuse)
    (folder.path / "cubes").touch()
    assert folder.problem(ORIGIN) == "cubes: damaged"


def test_files_are_read_again_only_if_their_state_has_changed(folder, monkeypatch):
    read, real = [], checked_folder.open_artefact
    monkeypatch.setattr(
        checked_folder, "open_artefact", lambda path: read.append(path) or real(path)
    )
    assert folder.problem(ORIGIN) == "" and not read
    os.utime(folder.path / "cubes", ns=(1, 1))
    for _ in range(2):
        assert folder.problem(ORIGIN) == ""
        assert [path.name for path in read] == ["cubes"]


def test_files_that_were_just_written_are_read_each_time(folder, monkeypatch):
    (folder.path / "cubes").write_bytes(b"1 8 27")
    assert folder.problem(ORIGIN) == ""
    # A coarse clock may give both versions the same time.
    (folder.path / "cubes").write_bytes(b"1 8 64")
    assert folder.problem(ORIGIN) == "cubes: damaged"


def test_a_change_is_noticed_even_if_the_time_of_the_file_is_restored(folder):
    path = folder.path / "cubes"
    times = path.stat()
    time.sleep(0.05)  # more than a tick of the file system's clock
    path.write_bytes(b"1 8 64")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert folder.problem(ORIGIN) == "cubes: damaged"


def test_a_record_without_states_is_completed_if_it_can_be_written(folder, monkeypatch):
    path = folder.path / RECORD_FILE
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "states": {}}))
    with monkeypatch.context() as patch:
        patch.setattr(checked_folder, "write_file", unwritable)
        assert folder.problem(ORIGIN) == "" and json.loads(path.read_text())["states"] == {}
    assert folder.problem(ORIGIN) == ""
    assert json.loads(path.read_text()) == record


def unwritable(path, content):
    raise InputError(f"{path}: cannot be written")


def test_a_file_that_fails_after_the_check_is_a_problem(folder):
    opened = folder.open(ORIGIN, lambda path, numbers: (path / "missing").read_bytes())
    assert opened.value is None and "missing" in opened.problem
    assert folder.open(ORIGIN, lambda path, numbers: dict(numbers)).value == {"count": 3}


@pytest.mark.parametrize("content", ["", "{}", '{"format": 1, "origin": {}, "numbers": {}}'])
def test_a_damaged_record_is_noticed(folder, content):
    (folder.path / RECORD_FILE).write_text(content)
    assert folder.problem(ORIGIN) == f"{RECORD_FILE}: damaged"


def test_an_interrupted_block_leaves_the_earlier_folder(folder, tmp_path):
    with pytest.raises(KeyboardInterrupt), folder.writing({"data": "c"}) as (temporary, _):
        (temporary / "squares").write_bytes(b"1")
        raise KeyboardInterrupt
    assert folder.problem(ORIGIN) == "" and [*tmp_path.iterdir()] == [folder.path]


def test_a_folder_that_lost_its_record_is_written_again(folder):
    own = CheckedFolder(folder.path, ["squares", "cubes"])
    (folder.path / RECORD_FILE).unlink()
    assert own.problem(ORIGIN) == f"{RECORD_FILE}: damaged"
    with own.writing(ORIGIN) as (temporary, _):
        (temporary / "squares").write_bytes(b"1")
    assert own.problem(ORIGIN) == ""


def test_a_folder_of_another_program_is_not_replaced(tmp_path):
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "own.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a folder that keras-attention wrote"):
        with CheckedFolder(tmp_path / "numbers").writing(ORIGIN):
            pass
    assert (tmp_path / "numbers" / "own.txt").read_text() == "mine"
