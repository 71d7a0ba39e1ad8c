"""Validation every so many steps, early stopping, and both across a kill."""

import keras
import numpy as np
import pytest
from runs import copy_after

from keras_attention.errors import InputError
from keras_attention.training.recipe import load_recipe
from keras_attention.training.run_folder import RunFolder
from keras_attention.training.train import train

TINY = [
    "size=300",
    "held_out=20",
    "units=8",
    "embedding=4",
    "batch_size=16",
    "learning_rate=0.01",
    "dropout=0.2",
]


def weights_at_the_end(folder):
    model = keras.models.load_model(RunFolder(folder).last_checkpoint()[1])
    found = [*model.weights, *model.optimizer.variables]
    return [weight.numpy() for weight in found if weight.name != "seed_generator_state"]


def test_validation_and_patience_every_few_steps_survive_a_kill(tmp_path, monkeypatch):
    # Validations fall within epochs of 18 steps. Too little is learned for one exact match, so
    # that the third is the second in a row without a new best.
    recipe = load_recipe("dates", [*TINY, "epochs=5", "validate_every=8", "patience=2"])
    with monkeypatch.context() as patch:
        copy_after(2, tmp_path / "killed", patch)
        train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "killed", resume=True)
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    assert whole.values("step") == [8, 16, 24]
    assert whole.values("val_exact_match") == [0, 0, 0]
    assert whole.metrics_file.read_bytes() == killed.metrics_file.read_bytes()
    states = [weights_at_the_end(tmp_path / name) for name in ("whole", "killed")]
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    # What has been ended stays ended.
    before = whole.metrics_file.read_bytes(), whole.last_checkpoint()
    assert train(recipe, tmp_path / "whole", resume=True)("1/1/70").tokens
    assert (whole.metrics_file.read_bytes(), whole.last_checkpoint()) == before


def test_a_validation_must_come_before_the_end(tmp_path):
    recipe = load_recipe("dates", [*TINY, "epochs=2", "validate_every=37"])
    with pytest.raises(InputError, match=r"must be at most .* all steps, 36; 0 validates"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("watching", ["schedule=plateau", "patience=3"])
def test_what_watches_the_metric_needs_held_out_pairs(tmp_path, watching):
    name, value = watching.split("=")
    settings = [*TINY, "held_out=0", watching]
    with pytest.raises(InputError, match=f"{name}`='?{value}'? needs held-out pairs to watch"):
        train(load_recipe("dates", settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()
