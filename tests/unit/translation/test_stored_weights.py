"""A config that does not fit the stored weights is rejected before any weight is allocated."""

import copy
import io
import json
import os
import zipfile
from contextlib import contextmanager

import h5py
import keras
import numpy as np
import pytest
from support import MECHANISMS

from keras_attention import BahdanauAttention, InputError, Seq2Seq
from keras_attention.translation.model_files import check_tokenizers, load_model, save_model
from keras_attention.translation.stored_weights import CONFIG_FILE, WEIGHTS_FILE

resource = pytest.importorskip("resource", reason="measures memory with a Unix function")

HUGE = 10**9


def make_model(**settings):
    settings = {"attention": BahdanauAttention(5), "encoder_layers": 2, **settings}
    model = Seq2Seq(11, 12, units=8, embedding=4, **settings)
    model.build()
    return model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the contents of a model's file by name."""
    path = tmp_path_factory.mktemp("stored") / "model.keras"
    save_model(make_model(), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, files, config=None):
    files = files if config is None else {**files, CONFIG_FILE: json.dumps(config).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def integers(value, path=()):
    """Yield the path of every integer in a config."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from integers(item, (*path, key))
        elif type(item) is int:
            yield (*path, key)


def changed(config, path, value):
    config = copy.deepcopy(config)
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return config


@contextmanager
def without_memory():
    """Check that the block raises the process's peak of memory by less than 100 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("value", [HUGE, 3], ids=["huge", "small"])
def test_every_changed_size_in_the_config_is_detected(files, tmp_path, value):
    config = json.loads(files[CONFIG_FILE])
    unread = "heads", "feature_embedding"  # only Transformers and source features use these
    paths = [path for path in integers(config) if path[-1] not in unread]
    assert len(paths) >= 9
    with without_memory():
        for path in paths:
            write(tmp_path / "model.keras", files, changed(config, path, value))
            with pytest.raises(InputError, match=r"model\.keras") as error:
                load_model(tmp_path / "model.keras")
            assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_mechanism_loads(name, tmp_path):
    options = {"dropout": 0.1, "recurrent_dropout": 0.1, "scheduled_sampling": True}
    if name != "peeky":
        options["copying"] = True
    model = make_model(attention=MECHANISMS[name](), **options)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    for expected, found in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_extra_weights_are_rejected(files, tmp_path):
    config = changed(json.loads(files[CONFIG_FILE]), ("config", "encoder_layers"), 1)
    with pytest.raises(InputError, match=r"an extra weight of shape \[\d+.*\]\.$"):
        load_model(write(tmp_path / "model.keras", files, config))


def test_an_array_without_stored_values_is_rejected(files, tmp_path):
    """HDF5 does not store the bytes of an array that was never written."""
    content = io.BytesIO(files[WEIGHTS_FILE])
    with h5py.File(content, "r+") as file:
        file.create_dataset("layers/more", (HUGE, HUGE), "float32")
    path = write(tmp_path / "model.keras", {**files, WEIGHTS_FILE: content.getvalue()})
    with without_memory(), pytest.raises(InputError, match=r"bytes in layers/more\. Received: 0"):
        load_model(path)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_an_endless_file_in_place_of_the_model_is_not_read(kind, tmp_path):
    path = tmp_path / "model.keras"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"model\.keras: expected a file that can be read"):
        check_tokenizers(path, tmp_path, None)


def test_a_layer_in_the_compile_config_is_rejected(files, tmp_path):
    config = json.loads(files[CONFIG_FILE])
    layer = keras.saving.serialize_keras_object(keras.layers.Embedding(HUGE, 4))
    config["compile_config"] = {
        "optimizer": "adam",
        "loss": {**layer, "build_config": {"input_shape": [None]}},
    }
    path = write(tmp_path / "model.keras", files, config)
    with without_memory(), pytest.raises(InputError, match="losses and metrics in"):
        load_model(path, include_optimizer=True)


def test_another_model_is_not_built(tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    other.save(tmp_path / "other.keras")
    with zipfile.ZipFile(tmp_path / "other.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files[CONFIG_FILE])
    config["config"]["layers"][1]["config"]["units"] = HUGE
    path = write(tmp_path / "model.keras", files, config)
    with without_memory(), pytest.raises(InputError, match="Received: Sequential. Only a Seq2Seq"):
        load_model(path)


@pytest.mark.parametrize("place", [(), ("attention", "config")], ids=["model", "attention"])
def test_a_dtype_that_is_not_a_policy_is_rejected(place, files, tmp_path):
    where = ("config", *place, "dtype", "class_name")
    config = changed(json.loads(files[CONFIG_FILE]), where, None)
    with pytest.raises(InputError, match=r"model\.keras: cannot be read as a Keras model"):
        load_model(write(tmp_path / "model.keras", files, config))
