"""The fingerprint of a file detects changes of its content."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training.run.fingerprints import Fingerprint


def test_a_missing_file_is_an_error_of_one_sentence(tmp_path):
    with pytest.raises(InputError, match="missing: expected a file that can be read"):
        Fingerprint.of(tmp_path / "missing")


def test_another_content_of_the_same_size_does_not_match(tmp_path):
    (tmp_path / "file").write_text("one")
    (tmp_path / "other").write_text("two")
    taken = Fingerprint.of(tmp_path / "file")
    assert taken.matches(str(tmp_path / "file")) and not taken.matches(str(tmp_path / "other"))
