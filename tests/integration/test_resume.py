"""A killed run, continued, ends at the weights of a run that nobody disturbed."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from runs import SETTINGS, overrides

from keras_attention.training.recipe import load_recipe
from keras_attention.training.run_folder import RunFolder
from keras_attention.training.train import train

DEADLINE = 120


def assert_same_runs(first, second, *, epochs):
    """Equal to the last bit: weights, optimizer, metrics."""
    models = [
        keras.models.load_model(RunFolder(folder).checkpoint(epochs)) for folder in (first, second)
    ]
    states = [[*model.weights, *model.optimizer.variables] for model in models]
    assert len(states[0]) == len(states[1]) > 20
    for one, other in zip(*states, strict=True):
        if one.name != "seed_generator_state":  # not saved, but set anew each epoch
            assert np.array_equal(one.numpy(), other.numpy()), one.path
    rows = [RunFolder(folder).metrics() for folder in (first, second)]
    assert [row["epoch"] for row in rows[0]] == list(range(epochs))
    assert rows[0] == rows[1]
    assert (first / "recipe.toml").read_text() == (second / "recipe.toml").read_text()


def kill_in_second_epoch(folder, settings):
    """Trains in a process of its own, ended without warning once the first epoch is saved."""
    arguments = ["train", "dates", "--output", folder, *overrides(*settings)]
    program = [sys.executable, "-c", "from keras_attention.cli import main; main()"]
    process = subprocess.Popen(
        [*program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    checkpoint, deadline = RunFolder(folder).checkpoint(1), time.monotonic() + DEADLINE
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    _, errors = process.communicate()
    assert checkpoint.exists(), errors.decode()  # the second epoch's would have replaced it
    assert process.returncode == -9


@pytest.fixture
def killed_meanwhile():
    """Starts `kill_in_second_epoch` beside what the test does."""
    with ThreadPoolExecutor() as pool:
        yield lambda *arguments: pool.submit(kill_in_second_epoch, *arguments).result


def test_killed_run_resumes_to_the_same_weights(trained, tmp_path):
    kill_in_second_epoch(tmp_path, SETTINGS)
    train(load_recipe("dates", SETTINGS), tmp_path, resume=True)
    assert_same_runs(tmp_path, trained, epochs=2)


def test_killed_run_resumes_to_the_same_dropout(killed_meanwhile, tmp_path):
    settings = [*SETTINGS, "size=800", "epochs=3", "attention=none", "dropout=0.3"]
    recipe = load_recipe("dates", settings)
    wait_until_killed = killed_meanwhile(tmp_path / "killed", settings)
    train(recipe, tmp_path / "whole")
    wait_until_killed()
    train(recipe, tmp_path / "killed", resume=True)
    assert_same_runs(tmp_path / "killed", tmp_path / "whole", epochs=3)
