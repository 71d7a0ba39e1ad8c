import json

import pytest
from damages import check_damages

from keras_attention import Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.export.saved_model.manifest import (
    MANIFEST_FILE,
    check_manifest,
    describe,
    write_manifest,
)
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.translation.codec import TextCodec

DESCRIBED = {
    "compute": "float32",
    "search": {"max_length": 9, "beam_width": 2, "length_penalty": 0.5},
    "limits": {"batch": 64, "tokens": 1024, "beam_width": 16},
    "operators": {"TensorFlow": ["Add"]},
    "recipe": "가",
}


@pytest.fixture
def codec():
    sides = (make_tokenizer("character", Vocabulary(letters)) for letters in ("가b", "xyz"))
    return TextCodec(*sides, SearchSettings(8, 9))


@pytest.fixture
def folder(codec, tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "graph.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "weights").write_bytes(b"weights")
    write_manifest(tmp_path, describe(codec, **DESCRIBED))
    return tmp_path


def test_the_manifest_describes_the_export(folder):
    manifest = check_manifest(folder)
    assert manifest["recipe"] == "가"
    assert manifest["format"] == 1
    assert {"python", "tensorflow", "keras"} <= set(manifest["versions"])
    assert manifest["vocabulary"]["source"]["tokens"] == 6
    assert manifest["vocabulary"]["source"] != manifest["vocabulary"]["target"]
    normalizer = {"normalization": "nfc", "lowercase": False, "strip": False}
    assert normalizer.items() <= manifest["vocabulary"]["source"].items()
    assert manifest["unicode"] == "13.0.0"
    assert list(manifest["files"]) == ["graph.pb", "variables/weights"]
    # Computed with `printf graph | sha256sum`.
    expected = "eef93e1d14482804277fca0172464032d1a4fdbcc338524059fa1e861454ad4d"
    assert manifest["files"]["graph.pb"] == expected


def test_writing_the_manifest_again_does_not_list_the_manifest(codec, folder):
    before = (folder / MANIFEST_FILE).read_bytes()
    write_manifest(folder, describe(codec, **DESCRIBED))
    assert (folder / MANIFEST_FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "graph.pb").write_bytes(b"grapf"), "graph.pb: damaged or chang"),
        (lambda folder: (folder / "graph.pb").unlink(), "graph.pb is missing; assets.extra/manif"),
        (lambda folder: (folder / "more").touch(), "unexpected file more; assets.extra/manif"),
        (lambda folder: (folder / MANIFEST_FILE).unlink(), "not exported by keras-attention"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{}"), "damaged, expected the manif"),
        (
            lambda folder: (folder / MANIFEST_FILE).write_bytes(b"\xff"),
            "damaged, expected the mani",
        ),
    ],
)
def test_the_error_names_the_damaged_file(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message):
        check_manifest(folder)


def test_every_damaged_manifest_raises_a_one_sentence_error(folder):
    path = folder / MANIFEST_FILE
    manifest = json.loads(path.read_text())

    def read(content):
        path.write_bytes(content)
        check_manifest(folder)

    accepted = check_damages(read, {**manifest, "newer": {}})
    unread = {"keras_attention", "recipe", "newer", "search.max_length"}
    absent_in_older_versions = {"sizes", "sizes.graph.pb", "sizes.variables/weights"}
    packages = {f"versions.{name}" for name in manifest["versions"]}
    sides = {
        f"vocabulary.{side}.{name}"
        for side in ("source", "target")
        for name in ("tokenizer", "normalization", "lowercase", "strip", "sha256", "tokens")
    }
    other = {
        "compute",
        "source_features",
        "unicode",
        "versions",
        "operators",
        "operators.TensorFlow",
        "search.beam_width",
        "search.length_penalty",
        "limits.batch",
        "limits.tokens",
        "limits.beam_width",
    }
    assert set(accepted) <= unread | absent_in_older_versions | packages | sides | other
    assert accepted["limits.batch"] == accepted["limits.tokens"] == 1  # a billion is accepted
    limited = {"search.beam_width", "search.length_penalty", "limits.beam_width"}
    assert not limited & set(accepted)


def test_a_file_of_another_size_is_refused_without_reading_it(folder):
    with open(folder / "graph.pb", "ab") as file:
        file.truncate(1 << 40)  # hashing this file would take half an hour
    with pytest.raises(InputError, match="graph.pb: damaged or changed: its checksum or its size"):
        check_manifest(folder)


def test_a_manifest_of_an_older_version_without_sizes_is_accepted(folder):
    path = folder / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    assert manifest.pop("sizes") == {"graph.pb": 5, "variables/weights": 7}
    path.write_text(json.dumps(manifest))
    assert check_manifest(folder) == manifest


def test_a_newer_format_is_refused(folder):
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(InputError, match="expected format 1, the only one"):
        check_manifest(folder)
