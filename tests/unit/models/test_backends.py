"""Models with equal weights give equal results on PyTorch and on TensorFlow.

Another process computes the results on TensorFlow, from the same NumPy arrays.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from equal_models import MODELS, SOURCE, TARGET_IN, ensemble_results, make, results
from keras import ops
from support import BACKEND

pytestmark = pytest.mark.skipif(BACKEND != "torch", reason="compares PyTorch with TensorFlow")


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    """Return a folder with the results and the model files that TensorFlow wrote."""
    folder = tmp_path_factory.mktemp("tensorflow")
    program = Path(__file__).with_name("equal_models.py")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, program, folder], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def assert_equal(arrays, file):
    with np.load(file) as stored:
        expected = list(stored.values())
    for actual, other in zip(arrays, expected, strict=True):
        assert (actual.shape, actual.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(actual, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_searches_losses_and_trained_weights_are_those_of_tensorflow(name, on_tensorflow):
    assert_equal(results(name), on_tensorflow / f"{name}.npz")


def test_the_searches_of_an_ensemble_are_those_of_tensorflow(on_tensorflow):
    assert_equal(ensemble_results(), on_tensorflow / "ensemble.npz")


@pytest.mark.parametrize("name", MODELS)
def test_model_files_that_tensorflow_wrote_can_be_loaded(name, on_tensorflow):
    expected, _ = make(name).teacher_forced(SOURCE, TARGET_IN)
    other = make(name, seed=1)
    other.load_weights(on_tensorflow / f"{name}.weights.h5")
    for model in (other, keras.models.load_model(on_tensorflow / f"{name}.keras")):
        logits, _ = model.teacher_forced(SOURCE, TARGET_IN)
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (logits, expected)), atol=1e-6)
