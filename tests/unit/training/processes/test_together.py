"""Training in two processes on JAX is compared with training in one process."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

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
accumulate = 2
l2 = 0.001
coverage_loss = 0.1
label_smoothing = 0.1
"""
"""It has nine steps and a validation in each epoch."""

SLURM_PORTS = range(61440, 65536)
"""The ports that JAX chooses from under SLURM."""

BFLOAT16 = "training.precision=bfloat16"
COMMAND = "import sys; from keras_attention.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def alone(recipe, tmp_path_factory):
    """Train in one process, without an interruption."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    return train(recipe, folder), folder


def train(recipe, folder, *settings, **options):
    """Train in this process, and return all weights after the last step as one array."""
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.train import train

    train(load_recipe(str(recipe), list(settings)), folder, **options)
    return weights_of(folder)


def by_slurm(port, index):
    """Return the variables that SLURM sets in a process; JAX computes the port from the job."""
    variables = {
        "SLURM_JOB_ID": str(port - SLURM_PORTS[0]),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(index),
        "SLURM_LOCALID": str(index),
    }
    return ["--distributed"], variables


def by_options_and_variables(port, index):
    """Return the options of the first process, and the variables of the second one."""
    address = f"localhost:{port}"
    if index == 0:
        return ["--coordinator", address, "--processes", "2", "--process", "0"], {}
    return [], {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": "1",
    }


@contextmanager
def started(find, arguments, folder):
    """Start a command in two processes, each with a log in a folder, and end them at last."""
    port = free_port()
    processes = []
    for index in range(2):
        options, variables = find(port, index)
        command = [sys.executable, "-c", COMMAND, "train", *map(str, arguments), *options]
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", **variables}
        with log_of(folder, index).open("w") as log:
            processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    try:
        yield processes
    finally:
        for process in processes:
            kill(process)
            process.wait()


def kill(process):
    """Kill a process and its child, as when their machine fails."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def free_port():
    """Return a port that no process uses."""
    for port in random.sample(SLURM_PORTS, 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("localhost", port))
            return port
    raise OSError("no port is free")


def log_of(folder, index):
    return folder / f"{index}.log"


def wait_for_validations(count, run, process, folder):
    deadline, metrics = time.monotonic() + 300, run / "metrics.csv"
    while not metrics.is_file() or len(metrics.read_text().splitlines()) < count + 1:
        assert process.poll() is None, log_of(folder, 0).read_text()
        assert time.monotonic() < deadline, f"no validation {count} within 300 seconds"
        time.sleep(0.05)


def weights_of(run):
    """Return all weights after the last step as one array."""
    from keras_attention.training.run.run_folder import RunFolder
    from keras_attention.translation.model_files import load_model

    _, checkpoint = RunFolder(run).last_checkpoint()
    return np.concatenate([np.ravel(weight) for weight in load_model(checkpoint).weights])


def metrics_of(run):
    return np.loadtxt(run / "metrics.csv", delimiter=",", skiprows=1)


def files_of(run):
    """Return the files of a run, except TensorBoard's, which has one for each session."""
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    return {name for name in files if not name.startswith("logs")}


def test_two_processes_train_as_one_and_a_death_stops_both_until_resumed(recipe, alone, tmp_path):
    weights, folder = alone
    run = tmp_path / "run"
    with started(by_slurm, [recipe, "--output", run], tmp_path) as processes:
        wait_for_validations(4, run, processes[0], tmp_path)
        kill(processes[0])
        code = processes[1].wait(timeout=60)
    log = log_of(tmp_path, 1).read_text()
    assert code == 2, log
    assert log.splitlines()[-1].startswith("error: process 1 of 2: another process has stopped")
    assert "Terminating process" not in log  # JAX's own report of its abort
    assert "epoch" not in log  # only the first process reports
    rows = metrics_of(folder), metrics_of(run)
    np.testing.assert_allclose(*(each[:4] for each in rows), rtol=1e-4, atol=1e-6)
    # One process continues the run. More than 30 of the 54 steps were done by two processes, or
    # build on such steps.
    continued = train(recipe, run, resume=True)
    np.testing.assert_allclose(continued, weights, rtol=0, atol=1e-5)
    # Every validation and every file was written once, and in one place.
    np.testing.assert_array_equal(metrics_of(run)[:, 0], metrics_of(folder)[:, 0])
    assert files_of(run) == files_of(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "0.log", "1.log"}


def test_two_processes_continue_and_end_a_run_in_bfloat16(recipe, alone, tmp_path):
    exact, _ = alone
    weights = train(recipe, tmp_path / "one", BFLOAT16)
    run = tmp_path / "run"
    train(recipe, run, BFLOAT16, "training.epochs=1")
    arguments = [recipe, "--output", run, "--resume", "--set", BFLOAT16]
    with started(by_options_and_variables, arguments, tmp_path) as processes:
        codes = [process.wait(timeout=300) for process in processes]
    assert codes == [0, 0], log_of(tmp_path, 0).read_text() + log_of(tmp_path, 1).read_text()
    assert "Trained." in log_of(tmp_path, 0).read_text()
    # Each process rounds its own gradients to 8 bits, so the weights cannot be equal. Their
    # difference is smaller than the one that bfloat16 makes in one process.
    assert np.linalg.norm(weights_of(run) - weights) < np.linalg.norm(weights - exact)
