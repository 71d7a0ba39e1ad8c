import hashlib
import os
import zipfile

import pytest

from keras_attention.errors import InputError
from keras_attention.files import artefacts
from keras_attention.files.artefacts import (
    check_archive,
    checksum_of,
    read_artefact,
    read_unchanged,
)

READERS = [read_artefact, checksum_of]


@pytest.mark.parametrize("read", READERS)
def test_a_link_is_followed(tmp_path, read):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    digest = hashlib.sha256(b"content").hexdigest()
    assert read(tmp_path / "link") == (b"content" if read is read_artefact else digest)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.skipif(os.name == "nt", reason="needs Unix pipes and devices")
def test_only_regular_files_are_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name, reason in [
        ("pipe", "A device or a pipe"),
        ("endless", "A device or a pipe"),
        (".", "Is a directory"),
        ("missing", "No such file or directory"),
    ]:
        with pytest.raises(InputError) as error:
            read(tmp_path / name)
        assert str(error.value) == (
            f"{tmp_path / name}: expected a file that can be read. Received: {reason}."
        )


def test_the_size_is_checked_before_reading(tmp_path):
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"at most 67108864 bytes. Received: 1099511627776\.$"):
        read_artefact(path)


def test_an_archive_is_rejected_by_its_declared_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(artefacts, "LARGEST_TEXT", 1_000)
    path = tmp_path / "archive"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1_000_000))
    with zipfile.ZipFile(path) as archive:
        check_archive(archive, "here", largest=1_000_000)
        for largest in (999_999, None):
            with pytest.raises(InputError, match=r"^here: damaged, .* Received: 1000000 bytes\.$"):
                check_archive(archive, "here", largest=largest)


def test_a_folder_replaced_during_reading_is_read_again(tmp_path):
    folder, other = tmp_path / "folder", tmp_path / "other"
    read_names = []

    def read(path, fails):
        read_names.append((path / "name").read_text())
        if len(read_names) == 1:
            path.rename(tmp_path / "aside")
            other.rename(path)
            if fails:
                raise InputError("damaged")
        return read_names[-1]

    for fails in (False, True):
        read_names.clear()
        for made in (folder, other):
            made.mkdir()
            (made / "name").write_text(made.name)
        assert read_unchanged(folder, lambda path, fails=fails: read(path, fails)) == "other"
        assert read_names == ["folder", "other"]
        for left in (folder, tmp_path / "aside"):
            (left / "name").unlink()
            left.rmdir()


def test_a_folder_that_is_not_replaced_is_read_once(tmp_path):
    calls = []

    def read(path):
        calls.append(path)
        raise InputError("damaged")

    with pytest.raises(InputError, match="^damaged$"):
        read_unchanged(tmp_path, read)
    assert calls == [tmp_path]
