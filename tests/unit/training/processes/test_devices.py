"""Tests of how batches are divided among processes. They need neither JAX nor a second process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.cli import main
from keras_attention.errors import InputError
from keras_attention.training.processes import devices, processes

ADDRESS = "localhost:12345"


def test_without_a_distribution_there_is_one_process_with_one_device():
    assert (devices.device_count(), devices.process_count(), devices.process_index()) == (1, 1, 0)
    with processes.agree():
        pass
    assert processes.of_first_process({"loss": 0.1}) == {"loss": 0.1}


def test_the_parts_of_all_processes_are_the_whole_batch_in_order(monkeypatch):
    rows = np.arange(12).reshape(6, 2)
    batches = tf.data.Dataset.from_tensors(((rows, rows + 1), rows + 2))
    parts = []
    for index in range(3):
        monkeypatch.setattr(devices, "process_count", lambda: 3)
        monkeypatch.setattr(devices, "process_index", lambda index=index: index)
        ((source, target_in), target_out) = next(iter(devices.own_rows(batches)))
        parts.append((source, target_in, target_out))
    for number, whole in enumerate(zip(*parts, strict=True)):
        np.testing.assert_array_equal(np.concatenate(whole), rows + number)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((ADDRESS,), "expected all of coordinator, processes and process, or none of them"),
        ((None, 2, 0), "Received: coordinator=None, processes=2, process=0."),
        (("localhost", 2, 0), "coordinator must have the form HOST:PORT, with a port from 1 to"),
        (("localhost:99999", 2, 0), "coordinator must have the form HOST:PORT"),
        ((ADDRESS, 2, 2), "process must be at least 0 and below the number of processes."),
    ],
)
def test_wrong_arguments_are_refused_before_connecting(monkeypatch, arguments, problem):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match=problem):
        processes.start_processes(*arguments)


def test_a_first_process_that_cannot_be_reached_is_reported(monkeypatch):
    monkeypatch.setattr(processes, "CONNECT_SECONDS", 0)
    problem = "the first process could not be reached at localhost:1 within 0 seconds"
    with pytest.raises(InputError, match=problem):
        processes._wait_for("localhost:1")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tests the error on TensorFlow")
def test_tensorflow_cannot_train_in_several_processes():
    with pytest.raises(InputError, match="requires KERAS_BACKEND=jax.*KERAS_BACKEND=tensorflow"):
        processes.start_processes(ADDRESS, 2, 0)


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed\nand more"), InputError),
        (ValueError("a value is wrong"), ValueError),
        (InputError("gloo.tsv: is missing"), InputError),
    ],
)
def test_only_a_lost_connection_is_reported_as_one(monkeypatch, error, reported):
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    with pytest.raises(ValueError) as raised, processes.report_lost_process():
        raise error
    assert type(raised.value) is reported
    assert ("another process has stopped" in str(raised.value)) == ("Gloo" in str(error))
    assert "\n" not in str(raised.value)


def test_the_command_refuses_seeds_in_several_processes(monkeypatch, capsys):
    arguments = ["train", "dates", "--distributed", "--seeds", "2"]
    monkeypatch.setattr("sys.argv", ["keras-attention", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--distributed trains one model" in capsys.readouterr().err
