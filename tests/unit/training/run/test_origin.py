import pytest

from keras_attention.errors import InputError
from keras_attention.training.assembly.precision import RunPrecision
from keras_attention.training.run.fingerprints import Fingerprint
from keras_attention.training.run.origin import Origin, is_fine_tuned, read_origin
from keras_attention.training.run.run_files import ORIGIN_FILE, REPLAY_FILE

PRECISION = RunPrecision("bfloat16", "as set by training.precision")
MODEL = Fingerprint("/models/base/model.keras", 10, "0" * 64)
PAIRS = [("한국", "a\tb"), ("x", "\n")]


@pytest.fixture
def write(tmp_path):
    def write(origin):
        for name, content in origin.to_files().items():
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return write


@pytest.mark.parametrize(
    "origin", [Origin(PRECISION), Origin(PRECISION, MODEL), Origin(PRECISION, MODEL, PAIRS)]
)
def test_an_origin_is_read_back_as_it_was_written(write, origin):
    folder = write(origin)
    assert read_origin(folder) == origin
    assert is_fine_tuned(folder) == (origin.model is not None)


def test_a_run_of_an_older_version_has_no_origin(tmp_path):
    assert read_origin(tmp_path) is None
    assert not is_fine_tuned(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (ORIGIN_FILE, "{", "text that is not JSON"),
        (ORIGIN_FILE, '{"format": 1, "precision": "float8", "reason": ""}', "`precision` as one"),
        (ORIGIN_FILE, '{"format": 2}', "expected format 1"),
        (REPLAY_FILE, '["a", "b"]\n', "with a different sha256"),
    ],
)
def test_a_damaged_file_is_refused(write, name, content, message):
    folder = write(Origin(PRECISION, MODEL, PAIRS))
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_origin(folder)
