"""Training in two processes on JAX is compared with training in one process."""

import os
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs the backend JAX")

RECIPE = """
name = "small"
[data]
format = "reverse"
size = 90
held_out = 10
shortest = 3
longest = 6
max_source_length = 8
max_target_length = 8
[model]
units = 8
embedding = 6
[training]
epochs = 6
batch_size = 9
bucket_width = 8
clip_norm = 0.5
"""
COMMAND = "import sys; from keras_attention.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def alone(recipe, tmp_path_factory):
    """Train in one process, without an interruption."""
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.train import train

    folder = tmp_path_factory.mktemp("alone") / "run"
    return train(load_recipe(str(recipe)), folder), folder


def start(arguments, outputs):
    """Start a command in two processes, which find each other through environment variables."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    variables = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    return [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "train", *map(str, arguments)],
            env={**variables, "KERAS_DISTRIBUTION_PROCESS_ID": str(index)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        for index, output in enumerate(outputs)
    ]


def test_two_processes_train_as_one_and_a_death_stops_both_until_resumed(recipe, alone, tmp_path):
    model, folder = alone
    run, logs = tmp_path / "run", [tmp_path / f"{index}.log" for index in range(2)]
    with logs[0].open("w") as first, logs[1].open("w") as second:
        processes = start([recipe, "--output", run], (first, second))
        metrics = run / "metrics.csv"
        try:
            deadline = time.monotonic() + 300
            while not metrics.is_file() or len(metrics.read_text().splitlines()) < 5:
                assert processes[0].poll() is None, logs[0].read_text()
                assert time.monotonic() < deadline, "no fourth validation within 300 seconds"
                time.sleep(0.05)
            processes[1].send_signal(signal.SIGKILL)
            assert processes[0].wait(timeout=60) == 2
        finally:
            for process in processes:
                process.kill()
    *_, sentence = logs[0].read_text().splitlines()
    assert sentence.startswith("error: process 0 of 2: another process has stopped")
    assert "epoch" not in logs[1].read_text()  # only the first process reports

    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.train import train

    rows = [
        np.loadtxt(each / "metrics.csv", delimiter=",", skiprows=1)[:4] for each in (folder, run)
    ]
    np.testing.assert_allclose(*rows, rtol=1e-4, atol=1e-6)
    # One process continues the run. More than 50 of the 60 steps were done by two processes, or
    # build on such steps.
    continued = train(load_recipe(str(recipe)), run, resume=True)
    for ours, theirs in zip(
        continued.single_model.weights, model.single_model.weights, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
