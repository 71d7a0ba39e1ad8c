"""The command line trains and translates on PyTorch, and refuses to export there."""

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="the stage torch")
SMALL = "size=52 held_out=8 shortest=3 longest=5 units=8 batch_size=22 epochs=1".split()


def test_a_model_trains_and_translates_but_is_not_exported(run, tmp_path):
    folder = tmp_path / "model"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    trained = run("train", "copy", *settings, "--output", folder)
    assert trained.code == 0, trained.err
    translated = run("translate", folder, "--beam", 3, stdin=b"abc\n")
    assert translated.code == 0 and len(translated.out.splitlines()) == 1
    before = sorted(folder.rglob("*"))
    refused = run("export", folder)
    assert refused.code == 2
    assert "export requires Keras to run on TensorFlow" in refused.err
    assert "'torch'" in refused.err and "Traceback" not in refused.err
    assert sorted(folder.rglob("*")) == before


def test_training_in_several_processes_is_refused(run, tmp_path):
    refused = run("train", "copy", "--distributed", "--output", tmp_path / "model")
    assert refused.code == 2
    assert "requires KERAS_BACKEND=jax" in refused.err and "KERAS_BACKEND=torch" in refused.err
    assert not (tmp_path / "model").exists()
