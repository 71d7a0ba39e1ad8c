"""The training pairs of a run or an ensemble can be read again, including replayed pairs."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training.assembly.precision import RunPrecision
from keras_attention.training.data.data_paths import with_absolute_paths
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.fingerprints import Fingerprint
from keras_attention.training.run.origin import Origin
from keras_attention.training.run.resumed_pairs import read_training_pairs
from keras_attention.training.run.run_data import RunData
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.translation.folders.ensemble_folder import write_members

REPLAYED = [("old source", "old target")]
MODEL = Fingerprint("/models/base/model.keras", 10, "0" * 64)


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"source {number}\ttarget\n" for number in range(9)))
    settings = ["format=tsv", f"data.path={path}", "held_out=3"]
    return with_absolute_paths(load_recipe("dates", settings))


@pytest.fixture
def training(recipe):
    return split_pairs(recipe.data, recipe.seed)[0]


def start(folder, recipe, origin):
    files = RunData.of(recipe, *split_pairs(recipe.data, recipe.seed), origin.replayed).to_files()
    RunFolder(folder).start(recipe, files={**origin.to_files(), **files})


def test_replayed_pairs_are_also_training_pairs(recipe, training, tmp_path):
    origin = Origin(RunPrecision("float32", ""), MODEL, REPLAYED)
    start(tmp_path / "tuned", recipe, origin)
    assert read_training_pairs(tmp_path / "tuned") == [*training, *REPLAYED]


def test_the_pairs_of_an_ensemble_are_the_pairs_of_its_members(recipe, training, tmp_path):
    ensemble = tmp_path / "ensemble"
    start(ensemble / "seed-1", recipe, Origin(RunPrecision("float32", "")))
    write_members(ensemble, {"seed-1": 1})
    recipe.save(ensemble / "recipe.toml")
    assert read_training_pairs(ensemble) == training
    (tmp_path / "pairs.tsv").write_text("new source\tnew target\n" * 9)
    with pytest.raises(InputError, match=r"pairs\.tsv: changed since the run was started"):
        read_training_pairs(ensemble)


def test_the_data_of_a_run_of_an_older_version_is_split_again(recipe, training, tmp_path):
    (tmp_path / "old").mkdir()
    recipe.save(tmp_path / "old" / "recipe.toml")
    assert read_training_pairs(tmp_path / "old") == training
