import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs the backend JAX")


@pytest.fixture(scope="module")
def found():
    """Run `two_devices.py` in a new process, because it configures JAX's devices."""
    script = Path(__file__).with_name("two_devices.py")
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    command = [sys.executable, script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)


def test_two_devices_train_as_one(found):
    one, two = found["one"], found["two"]
    assert two["weights"] == pytest.approx(one["weights"], rel=1e-4, abs=1e-6)
    assert two["logs"].keys() == one["logs"].keys()
    for name, values in one["logs"].items():
        assert two["logs"][name] == pytest.approx(values, rel=1e-4, abs=1e-6), name


def test_devices_exchange_gradients_only_after_the_time_steps(found):
    assert found["two"]["loops"] == 0


def test_devices_draw_different_dropout_masks_and_keep_one_state(found):
    first, second = found["drawn"]["numbers"]
    assert first != second
    assert found["drawn"]["state"] == [5, 8]
