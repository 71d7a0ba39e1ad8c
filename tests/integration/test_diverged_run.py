"""Training that diverges ends with an error, and leaves no file that looks like a model."""

import pytest
from runs import overrides

from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.train import train

SMALL = (
    "size=60", "held_out=8", "units=4", "embedding=4", "attention_units=4", "batch_size=16",
    "max_length=5",
)  # fmt: skip


@pytest.mark.parametrize(
    "settings", [("clip_norm=0", "learning_rate=1e30"), ("learning_rate=1e6",)]
)
def test_a_run_that_diverges_leaves_no_model(settings, run, tmp_path, eagerly):
    folder = tmp_path / "run"
    arguments = ("train", "dates", "--output", folder, *overrides(*SMALL, *settings))
    resumes = "learning_rate=1e6" in settings
    for more in ((), ("--resume",))[: 1 + resumes]:
        outcome = run(*arguments, *more)
        assert outcome.code == 2
        shown_message = outcome.err.strip().split("\n")[-1]
        assert shown_message.startswith("error: training diverged in epoch 1, step ")
        assert ". No model has been saved. Lower training.learning_rate (now 1e+" in shown_message
        assert shown_message.endswith(f", and start again with --overwrite ({folder}).")
        assert not list(folder.rglob("*.keras"))
    assert run("translate", folder).code == 2
    refused = run(*arguments[:4], *overrides(*SMALL), "--resume")
    assert refused.code == 2
    assert "nothing has been trained yet, so start again with --overwrite or in an" in refused.err


def test_a_run_that_diverges_later_keeps_its_best_model(run, tmp_path, eagerly, monkeypatch):
    folder = tmp_path / "run"
    train(load_recipe("dates", [*SMALL, "epochs=1"]), folder)
    before = (folder / "model.keras").read_bytes()
    again = ("train", "dates", "--output", folder, *overrides(*SMALL, "epochs=3"), "--resume")
    monkeypatch.setattr("keras_attention.training.callbacks.divergence.EXPLODED", 0.0)
    outcome = run(*again)
    assert outcome.code == 2 and "training diverged in epoch 2, step 8" in outcome.err
    assert f". The best earlier model is kept in {folder}. --resume uses the same " in outcome.err
    assert outcome.err.endswith(", and start a new run in another folder.\n")
    assert (folder / "model.keras").read_bytes() == before
    assert [path.name for path in folder.glob("checkpoints/*")] == ["epoch-0001.keras"]
