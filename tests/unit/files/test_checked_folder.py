"""A checked folder is written whole, and is used only undamaged and for its own origin."""

import pytest

from keras_attention.errors import InputError
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


def test_what_was_written_is_usable_for_its_own_origin(folder):
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


@pytest.mark.parametrize("content", ["", "{}", '{"format": 1, "origin": {}, "numbers": {}}'])
def test_a_damaged_record_is_noticed(folder, content):
    (folder.path / RECORD_FILE).write_text(content)
    assert folder.problem(ORIGIN) == f"{RECORD_FILE}: damaged"


def test_an_interrupted_block_leaves_the_earlier_folder(folder, tmp_path):
    with pytest.raises(KeyboardInterrupt), folder.writing({"data": "c"}) as (temporary, _):
        (temporary / "squares").write_bytes(b"1")
        raise KeyboardInterrupt
    assert folder.problem(ORIGIN) == "" and [*tmp_path.iterdir()] == [folder.path]


def test_a_folder_of_another_program_is_not_replaced(tmp_path):
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "own.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a folder that keras-attention wrote"):
        with CheckedFolder(tmp_path / "numbers").writing(ORIGIN):
            pass
    assert (tmp_path / "numbers" / "own.txt").read_text() == "mine"
