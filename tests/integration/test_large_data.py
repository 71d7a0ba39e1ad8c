"""Training on data in files gives the same model as in memory; later starts reuse the files.

The files are in the store, a folder next to the run folder.
"""

import logging
from contextlib import contextmanager

import numpy as np
import pytest
from runs import copy_after, train_eagerly

from keras_attention.errors import InputError
from keras_attention.training.assembly import tokenizers
from keras_attention.training.batches import stored_ids
from keras_attention.training.data import data_store
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run import own_run
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.seeds.train_seeds import train_seeds
from keras_attention.training.train import train

SETTINGS = [
    "format=tsv", "held_out=4", "epochs=2", "units=8", "embedding=6", "attention_units=6",
    "batch_size=9", "source_tokenizer=word", "target_tokenizer=word", "dropout=0.2",
]  # fmt: skip
EARLIER = "the texts and ids of 30 training pairs were stored by an earlier start and are reused"


@pytest.fixture
def recipe(tmp_path):
    """Return `recipe(*settings)`, a recipe whose data is in files."""
    rows = [f"a{n % 7} b{n % 3} c{n}\tc{n} a{n % 7}\n" for n in range(34)]
    (tmp_path / "pairs.tsv").write_text("".join(rows))
    settings = [*SETTINGS, f"data.path={tmp_path / 'pairs.tsv'}"]
    return lambda *more, in_memory=0: load_recipe(
        "copy", [*settings, f"in_memory={in_memory}", *more]
    )


@pytest.fixture(autouse=True)
def done(monkeypatch, caplog):
    """Train eagerly, and return the parts of a store in the order in which they are written."""
    train_eagerly(monkeypatch)
    caplog.set_level(logging.INFO, logger="keras_attention")
    done = []
    for module, name, part in (
        (data_store, "write_files", "pairs"),
        (tokenizers, "_learn", "tokenizer"),
        (stored_ids, "_write", "ids"),
    ):
        write = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, write=write, part=part: done.append(part) or write(*args)
        )
    return done


ALL = ["pairs", "tokenizer", "tokenizer", "ids"]


@contextmanager
def stopped_by(monkeypatch, name):
    """Let a function of `training` raise an error, and yield the named arguments that it gets."""
    given = {}

    def stop(*_, **arguments):
        given.update(arguments)
        raise InputError("enough.")

    with monkeypatch.context() as patch, pytest.raises(InputError, match="enough"):
        patch.setattr(f"keras_attention.training.{name}", stop)
        yield given


def weights(folder, epochs=2):
    import keras

    model = keras.models.load_model(RunFolder(folder).checkpoint(epochs))
    return [variable.numpy() for variable in model.weights if "seed_gen" not in variable.path]


def assert_same(first, second):
    for one, other in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_later_starts_use_the_store_and_train_the_same_model(
    recipe, tmp_path, done, caplog, monkeypatch
):
    train(recipe(in_memory=1), tmp_path / "memory")
    assert not (tmp_path / "memory.store").exists()
    done.clear()
    with monkeypatch.context() as patch:
        copy_after(1, tmp_path / "killed", patch)
        train(recipe(), tmp_path / "run")
    assert done == ALL and EARLIER not in caplog.text
    assert_same(tmp_path / "memory", tmp_path / "run")
    (tmp_path / "run.store").rename(tmp_path / "killed.store")
    train(recipe(), tmp_path / "killed", resume=True)
    assert_same(tmp_path / "run", tmp_path / "killed")
    assert done == ALL and caplog.text.count(EARLIER) == 1
    with stopped_by(monkeypatch, "train.fit"):
        train(recipe("training.seed=5"), tmp_path / "killed", overwrite=True)
    assert done == ALL and caplog.text.count(EARLIER) == 2
    assert not [path for path in tmp_path.glob("killed/**/*") if "store" in path.name]


def test_the_members_of_an_ensemble_share_a_store(recipe, tmp_path, monkeypatch):
    with stopped_by(monkeypatch, "seeds.train_seeds.train") as given:
        train_seeds(recipe(), tmp_path / "both", 2)
    assert given["store"] == tmp_path / "both.store"


def test_every_process_of_a_distributed_run_uses_the_store_next_to_the_run_folder(
    recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(own_run, "process_index", lambda: 1)  # trains in a temporary folder
    with stopped_by(monkeypatch, "train.prepare") as given:
        train(recipe(), tmp_path / "run")
    assert given["store"].path == tmp_path / "run.store" and not (tmp_path / "run").exists()
