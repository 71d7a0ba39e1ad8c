"""A preset loads as the same translator from a folder or a hub; only its files are uploaded."""

import json
import shutil
import sys
from pathlib import Path
from unittest.mock import create_autospec

import huggingface_hub
import kagglehub
import pytest
import yaml
from support import randomize

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    InputError,
    Seq2Seq,
    Translator,
    Vocabulary,
    upload_preset,
)
from keras_attention.translation.folders.presets import PRESET_FILES

HF, KAGGLE = "hf://someone/months", "kaggle://someone/months/keras/small"


@pytest.fixture(scope="module")
def translator():
    letters = CharacterTokenizer(Vocabulary("abc한"))
    size = len(letters.vocabulary)
    model = Seq2Seq(size, size, units=4, embedding=3, attention=BahdanauAttention(4))
    model.build()
    randomize(model)
    return Translator.from_model(model, letters, letters, max_source_length=9, max_length=5)


@pytest.fixture
def preset(translator, tmp_path):
    folder = tmp_path / "months"
    translator.save_to_preset(
        folder,
        {"exact_match": 99.5, "wer": "3.10"},
        {"recipe": "months", "licence of the data": "CC BY"},
        license="cc-by-sa-4.0",
        language="한",
    )
    return folder


@pytest.fixture
def hubs(monkeypatch):
    """Replace the functions of the hubs' libraries with mocks that have the same signatures."""
    functions = {
        name: create_autospec(getattr(library, name))
        for library, names in {
            huggingface_hub: ("snapshot_download", "create_repo", "upload_folder"),
            kagglehub: ("model_download", "model_upload"),
        }.items()
        for name in names
    }
    for name, function in functions.items():
        monkeypatch.setattr(kagglehub if "model_" in name else huggingface_hub, name, function)
    return functions


def same(first, second):
    one, two = first("cab"), second("cab")
    return (one.tokens, one.score) == (two.tokens, two.score)


def test_a_saved_preset_loads_as_the_same_translator(preset, translator):
    assert {path.name for path in preset.iterdir()} <= set(PRESET_FILES)
    assert same(Translator.from_preset(preset), translator)


def test_the_card_has_a_header_and_describes_the_model(preset):
    _, header, body = (preset / "README.md").read_text("utf-8").split("---\n", 2)
    assert yaml.safe_load(header) == {
        "library_name": "keras",
        "tags": ["keras-attention", "seq2seq"],
        "license": "cc-by-sa-4.0",
        "language": "한",
    }
    assert "# months" in body
    assert "| metric | value |\n| ---|--- |\n| exact_match | 99.5 |\n| wer | 3.10 |\n" in body
    assert "| recipe | months |\n| licence of the data | CC BY |\n" in body
    assert (
        "| attention | BahdanauAttention |" in body and "| source tokens | 8, character |" in body
    )


def test_a_card_has_no_empty_tables(translator, tmp_path):
    translator.save_to_preset(tmp_path / "bare")
    card = (tmp_path / "bare" / "README.md").read_text("utf-8")
    assert "metric" not in card and "training" not in card and "| parameters |" in card


def cut(path, count):
    path.write_bytes(path.read_bytes()[:-count])


DAMAGES = {
    "no model": (lambda folder: (folder / "model.keras").unlink(), "no such file; expected a tr"),
    "no settings": (lambda folder: (folder / "translator.json").unlink(), "translator.json is mis"),
    "half a model": (lambda folder: cut(folder / "model.keras", 9000), "cannot be read as a Keras"),
    "a cut end": (lambda folder: cut(folder / "model.keras", 9), "expected the fingerprints of it"),
    "a cut vocabulary": (
        lambda folder: (folder / "source.vocabulary.txt").write_text("<pad>\n"),
        "expected the special token",
    ),
    "no files": (shutil.rmtree, "no such folder; expected a trained model"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_preset_is_refused_in_one_sentence(case, preset):
    damage, message = DAMAGES[case]
    damage(preset)
    with pytest.raises(InputError, match=message) as error:
        Translator.from_preset(preset)
    assert str(preset) in str(error.value) and "\n" not in str(error.value)


def test_a_preset_that_cannot_be_saved_is_refused(translator, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "README.md").write_text("my project")
    (tmp_path / "file").touch()
    for folder, message in (
        (tmp_path / "project", "a folder with README.md but without model.keras"),
        (tmp_path / "file", "expected a folder to write. Received: a file"),
        (HF, "^hf://someone/months: .* call `upload_preset`. Received: an address"),
    ):
        with pytest.raises(InputError, match=message):
            translator.save_to_preset(folder)
    with pytest.raises(TypeError, match="`metrics` must be a mapping. Received: float"):
        translator.save_to_preset(tmp_path / "new", metrics=0.5)
    assert (tmp_path / "project" / "README.md").read_text() == "my project"
    assert not (tmp_path / "new").exists() and not Path("hf:").exists()


def test_presets_of_hubs_are_downloaded_through_their_libraries(preset, translator, hubs):
    hubs["snapshot_download"].return_value = hubs["model_download"].return_value = str(preset)
    for address in (HF, KAGGLE):
        assert same(Translator.from_preset(address), translator)
    hubs["snapshot_download"].assert_called_once_with(
        "someone/months", allow_patterns=list(PRESET_FILES)
    )
    hubs["model_download"].assert_called_once_with("someone/months/keras/small")


def test_only_the_files_of_a_preset_are_uploaded(preset, hubs):
    (preset / "held_out.jsonl").write_text(json.dumps(["private", "text"]))
    (preset / "logs").mkdir()
    (preset / "logs" / "events").write_text("private text")
    upload_preset(HF, preset)
    hubs["create_repo"].assert_called_once_with("someone/months", exist_ok=True)
    hubs["upload_folder"].assert_called_once_with(
        repo_id="someone/months", folder_path=preset, allow_patterns=list(PRESET_FILES)
    )
    upload_preset(KAGGLE, preset)
    hubs["model_upload"].assert_called_once_with(
        "someone/months/keras/small", str(preset), ignore_patterns=["held_out.jsonl", "logs/"]
    )


def test_what_cannot_be_downloaded_or_uploaded_is_an_error(preset, hubs, monkeypatch):
    hubs["snapshot_download"].side_effect = OSError("no such repository\nand more")
    with pytest.raises(InputError, match=r"^hf://someone/months: the hub's .* no such repository$"):
        Translator.from_preset(HF)
    with pytest.raises(InputError, match="expected a folder, hf://.* Received: s3://"):
        Translator.from_preset("s3://bucket/months")
    with pytest.raises(InputError, match="must start with hf:// or kaggle://. Received: 'months'"):
        upload_preset("months", preset)
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(InputError, match=r"requires kagglehub; install it with pip .*\[hub\]"):
        upload_preset(KAGGLE, preset)
    shutil.move(preset / "model.keras", preset / "other.keras")
    with pytest.raises(
        InputError, match=r"that `Translator.save_to_preset` wrote. .* no model.ker"
    ):
        upload_preset(HF, preset)
    hubs["create_repo"].assert_not_called()
