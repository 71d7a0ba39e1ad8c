"""Models load from files of older versions, whose mechanisms had fewer settings."""

import json
import zipfile

import keras
import numpy as np
from support import MECHANISMS, assert_close, cases, randomize

from keras_attention import Seq2Seq

LATER = ("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer")
INPUTS = np.array([[4, 5, 6, 2], [6, 2, 0, 0]]), np.array([[1, 4, 5], [1, 3, 0]])


def without_later_settings(config):
    """Return a config without the settings that mechanisms got in later versions, at any depth."""
    if isinstance(config, list):
        return [without_later_settings(each) for each in config]
    if isinstance(config, dict):
        return {k: without_later_settings(v) for k, v in config.items() if k not in LATER}
    return config


def rewrite_config(old, new):
    with zipfile.ZipFile(old) as read, zipfile.ZipFile(new, "w") as written:
        for name in read.namelist():
            content = read.read(name)
            if name == "config.json":
                content = json.dumps(without_later_settings(json.loads(content)))
            written.writestr(name, content)


@cases("name", list(MECHANISMS), elsewhere=["bahdanau"])
def test_a_file_without_initializers_and_regularizers_still_loads(name, tmp_path):
    model = Seq2Seq(7, 6, units=4, embedding=3, attention=MECHANISMS[name]())
    model.build()
    randomize(model).save(tmp_path / "new.keras")
    rewrite_config(tmp_path / "new.keras", tmp_path / "old.keras")
    with zipfile.ZipFile(tmp_path / "old.keras") as old:
        assert not any(key in old.read("config.json").decode() for key in LATER)
    loaded = keras.models.load_model(tmp_path / "old.keras")
    assert_close(loaded(INPUTS), model(INPUTS))
    config = loaded.decoder.cell.attention.get_config()
    assert config["kernel_initializer"] == "glorot_uniform" and not config["kernel_regularizer"]
