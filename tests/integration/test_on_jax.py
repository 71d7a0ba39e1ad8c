"""The command line trains on JAX, and TensorFlow loads the model."""

import os
import subprocess
import sys
from pathlib import Path

from xla_flags import quick_compilation

from keras_attention import Translator

PROGRAM = Path(sys.executable).with_name("keras-attention")


def test_a_model_that_jax_trained_translates_on_tensorflow(tmp_path):
    small = "size=52 held_out=8 shortest=3 longest=5 units=8 batch_size=22 epochs=1".split()
    settings = [word for setting in small for word in ("--set", setting)]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    for name in ("PYTHONPATH", "XLA_FLAGS"):  # tests/conftest.py sets these for TensorFlow
        environment.pop(name, None)
    environment |= quick_compilation("jaxlib")
    done = subprocess.run(
        [PROGRAM, "train", "copy", *settings, "--output", tmp_path / "model"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 steps per epoch" in done.stdout + done.stderr
    assert Translator.load(tmp_path / "model")("abc").alignment.shape[1] == 4
