"""A model file is data: loading it never runs code that it contains."""

import json
import zipfile
from pathlib import Path

import keras
import pytest

from keras_attention import InputError, Translator


def change_config(path, change):
    """Change the config of the layers in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = json.dumps(change(json.loads(files["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def folder(trained, tmp_path):
    Translator.load(trained).save(tmp_path / "model")
    return tmp_path / "model"


def refused(folder):
    reasons = "(cannot be read as a Keras model|expected a Seq2Seq model)"
    with pytest.raises(InputError, match=rf"model\.keras: {reasons}") as error:
        Translator.load(folder)
    return "\n" not in str(error.value)


def test_code_in_a_layer_is_not_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    leave_mark = keras.layers.Lambda(lambda x: (open("mark", "w").close(), x)[1])  # noqa: SIM115
    keras.Sequential([keras.Input((1,)), leave_mark]).save("model.keras")
    Path("mark").unlink()
    assert refused(folder)
    assert not Path("mark").exists()
    # The attack is real: it succeeds if Keras's safe mode is switched off.
    keras.models.load_model("model.keras", safe_mode=False)
    assert Path("mark").exists()


@pytest.mark.parametrize("place", ["model", "attention"])
@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("os", "system", {"command": "touch mark"}),
        ("subprocess", "Popen", {"args": ["touch", "mark"]}),
        ("builtins", "exec", "open('mark', 'w')"),
    ],
)
def test_an_object_that_is_not_a_layer_is_not_called(
    folder, monkeypatch, place, module, name, config
):
    monkeypatch.chdir(folder)
    attack = {"module": module, "class_name": name, "config": config, "registered_name": None}

    def change(stored):
        if place == "model":
            return attack
        stored["config"]["attention"] = attack
        return stored

    change_config("model.keras", change)
    assert refused(folder)
    assert not Path("mark").exists()
