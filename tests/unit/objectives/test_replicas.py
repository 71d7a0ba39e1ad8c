import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import tensorflow_only


@pytest.fixture(scope="module")
def trained():
    """Run `two_replicas.py` in a new process, because it configures TensorFlow's devices."""
    script = Path(__file__).with_name("two_replicas.py")
    command = [sys.executable, script]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@tensorflow_only("tf.distribute")
@pytest.mark.parametrize("what", ["evaluated", "logs", "weights"])
def test_two_replicas_give_the_same_results_as_one(trained, what):
    one, two = (result[what] for result in trained)
    if what == "weights":
        assert two == pytest.approx(one, rel=0, abs=1e-5)
        return
    assert two.keys() == one.keys()
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
