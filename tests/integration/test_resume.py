"""A run that is killed and resumed ends with the same weights as an uninterrupted run."""

import itertools
import os
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from runs import SETTINGS, copy_after, overrides

from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_files import TRAIN_LOCK
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train

DEADLINE = 120
# A validation interval has two batches and an update has three, so a checkpoint is saved in the
# middle of an update.
EVERYTHING = [
    "format=tsv", "held_out=2", "epochs=1", "validate_every=2", "batch_tokens=6", "accumulate=3",
    "units=8", "embedding=6", "attention_units=6", "joint_vocabulary=true", "max_target_length=3",
    "embedding_dropout=0.1", "memory_dropout=0.1", "output_dropout=0.3", "recurrent_dropout=0.2",
    "layer_norm=true", "deep_output=true", "tie_embeddings=all", "dropout=0.2",
    "l2=0.001", "label_smoothing=0.1", "scheduled_sampling=0.9", "scheduled_sampling_steps=6",
]  # fmt: skip
WAYS = {
    "cosine and mean of the last intervals, in 16 bits": [
        "schedule=cosine", "warmup=1", "average_last=2", "precision=bfloat16",
        "target_embeddings=v.vec",
    ],
    "plateau and moving average, subword dropout": [
        "schedule=plateau", "plateau_patience=1", "ema=0.7",
        "source_tokenizer=subword", "target_tokenizer=subword", "subword_type=bpe",
        "source_vocabulary_size=12", "source_subword_dropout=0.5", "target_subword_dropout=0.5",
        "max_target_length=4", "batch_tokens=0", "batch_size=5", "epochs=3",
    ],
}  # fmt: skip


def assert_same_runs(first, second, *, epochs):
    """Assert that weights, optimizer and metrics are equal to the last bit."""
    models = [
        keras.models.load_model(RunFolder(folder).checkpoint(epochs)) for folder in (first, second)
    ]
    states = [[*model.weights, *model.optimizer.variables] for model in models]
    assert len(states[0]) == len(states[1]) > 20
    for one, other in zip(*states, strict=True):
        if one.name != "seed_generator_state":  # set in each epoch, so not saved
            assert np.array_equal(one.numpy(), other.numpy()), one.path
    rows = [RunFolder(folder).metrics() for folder in (first, second)]
    assert [row["epoch"] for row in rows[0]] == list(range(epochs))
    assert rows[0] == rows[1]
    assert (first / "recipe.toml").read_text() == (second / "recipe.toml").read_text()


def stop_in_second_epoch(folder, settings):
    """Train in a separate process, and end it with SIGTERM after the first epoch is saved."""
    arguments = ["train", "dates", "--output", folder, *overrides(*settings)]
    program = [sys.executable, "-c", "from keras_attention.cli import main; main()"]
    process = subprocess.Popen(
        [*program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    checkpoint, deadline = RunFolder(folder).checkpoint(1), time.monotonic() + DEADLINE
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    try:
        _, errors = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    assert checkpoint.exists(), errors.decode()  # the first epoch is saved
    assert process.returncode == 143
    shown_message = errors.decode().splitlines()[-1]
    assert (
        shown_message == "Stopped by SIGTERM. Use --resume to continue after the last validation."
    )
    assert not (folder / TRAIN_LOCK).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program can catch")
def test_a_stopped_run_resumes_to_the_same_weights(trained, tmp_path):
    stop_in_second_epoch(tmp_path, SETTINGS)
    train(load_recipe("dates", SETTINGS), tmp_path, resume=True)
    assert_same_runs(tmp_path, trained, epochs=2)
    assert any((tmp_path / "logs" / "samples").iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_a_run_with_every_option_resumes_to_the_same_weights(way, eagerly, tmp_path, monkeypatch):
    words = ["".join(word) for size in (1, 2) for word in itertools.product("abc", repeat=size)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.vec").write_text("a 1 2 3 4 5 6\n")
    (tmp_path / "words.tsv").write_text("".join(f"{word}\t{word[::-1]}\n" for word in words))
    recipe = load_recipe("dates", [*EVERYTHING, "data.path=words.tsv", *WAYS[way]])
    copy_after(2, tmp_path / "killed", monkeypatch)
    whole = train(recipe, tmp_path / "whole")
    (tmp_path / "v.vec").unlink()  # read only at the start of a run
    killed = train(recipe, tmp_path / "killed", resume=True)
    assert RunFolder(tmp_path / "whole").values("step") == [2, 4, 6]
    assert_same_runs(tmp_path / "killed", tmp_path / "whole", epochs=3)
    for one, other in zip(killed.model.weights, whole.model.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy()), one.path
