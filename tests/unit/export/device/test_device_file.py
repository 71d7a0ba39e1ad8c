import json
import zipfile

import pytest
from damages import check_damages

from keras_attention import Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.export.device.device_file import (
    MANIFEST_FILE,
    read_device_file,
    write_device_file,
)
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.translation.codec import TextCodec

MODEL = b"\x1c\0\0\0TFL3" + bytes(64)
DESCRIBED = {
    "precision": "float32",
    "max_source_length": 8,
    "max_length": 9,
    "beam_width": 4,
    "max_steps": None,
    "vocabulary": {"source": {"tokens": 6}, "target": {"tokens": 7}},
}


@pytest.fixture
def codec():
    sides = (make_tokenizer("character", Vocabulary(letters)) for letters in ("가b", "xyz"))
    return TextCodec(*sides, SearchSettings(8, 9))


def written(tmp_path, codec, **changes):
    path = tmp_path / "model.tflite"
    write_device_file(path, MODEL, codec, {**DESCRIBED, **changes})
    return path.read_bytes()


def with_manifest(tmp_path, files, manifest):
    """Return the file with another manifest and the same flat buffer."""
    path = tmp_path / "changed.tflite"
    path.write_bytes(MODEL)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in {**files, MANIFEST_FILE: manifest}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path.read_bytes()


def test_read_device_file_returns_what_was_written(tmp_path, codec):
    found = read_device_file(written(tmp_path, codec), "m")
    assert found.codec.to_files() == codec.to_files()
    assert found.manifest["beam_width"] == 4


def test_every_damaged_manifest_raises_a_one_sentence_error(tmp_path, codec):
    path = tmp_path / "model.tflite"
    written(tmp_path, codec, newer={})
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = files.pop(MANIFEST_FILE)
    accepted = check_damages(
        lambda content: read_device_file(with_manifest(tmp_path, files, content), "m"),
        json.loads(manifest),
    )
    assert set(accepted) == {"precision", "max_steps", "newer"}
    assert accepted["precision"] == 1  # any string is accepted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_length": 10}, "m: damaged, expected 10 max_length, as in its manifest. Rec"),
        (
            {"vocabulary": {"source": {"tokens": 5}, "target": {"tokens": 7}}},
            "m: damaged, expected 5 source tokens, as in its manifest. Received: 6.",
        ),
    ],
)
def test_a_manifest_of_another_model_is_refused(tmp_path, codec, change, message):
    with pytest.raises(InputError, match=f"^{message}"):
        read_device_file(written(tmp_path, codec, **change), "m")


def test_a_folder_is_refused_with_the_files_in_it(tmp_path):
    with pytest.raises(InputError) as error:
        DeviceTranslator.load(tmp_path)
    assert str(error.value) == f"{tmp_path}: expected a .tflite file. Received: a folder."
    for name in ("b.tflite", "a.tflite"):
        (tmp_path / name).touch()
    with pytest.raises(InputError) as error:
        DeviceTranslator.load(str(tmp_path))
    assert str(error.value).endswith(f"; use one of {tmp_path}/a.tflite, {tmp_path}/b.tflite.")


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, codec):
    path = tmp_path / "bomb.tflite"
    path.write_bytes(written(tmp_path, codec))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("zeros", "w") as file:
            for _ in range(65):
                file.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="m: damaged, expected an archive of at most 67108864"):
        read_device_file(path.read_bytes(), "m")
