"""Several seeds of a recipe are trained as the members of an ensemble."""

import json
import re
import shutil
from dataclasses import replace
from statistics import mean, stdev

import numpy as np
import pytest
from runs import contents, overrides, train_eagerly

from keras_attention import Ensemble, InputError, Translator
from keras_attention.cli.exports import about_run
from keras_attention.training.callbacks.checkpoint import Checkpoint
from keras_attention.training.evaluation.evaluate import evaluate
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.run_data import read_run_data
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.seeds.train_seeds import train_seeds
from keras_attention.training.train import train
from keras_attention.translation.folders.ensemble_folder import write_members

SETTINGS = [
    "size=28", "held_out=6", "epochs=2", "longest=5", "units=8", "embedding=6", "batch_size=22",
    "attention_units=6", "dropout=0.2", "learning_rate=0.05", "metric=per",
]  # fmt: skip
RECIPE = load_recipe("copy", SETTINGS)
PAIRS = ["abcd", "bdca"], ["abcd", "abc"]


@pytest.fixture(scope="module")
def built(build):
    """Return a folder with two folders, `copy` and `killed`; do not change them.

    `copy` is an ensemble of two seeds. `killed` contains the run folders of its members after their
    first epoch.
    """

    def fill(new):
        write = Checkpoint.on_epoch_end

        def write_and_copy(self, epoch, logs=None):
            write(self, epoch, logs)
            if epoch == 0:
                shutil.copytree(self.folder.path, new / "killed" / self.folder.path.name)

        with pytest.MonkeyPatch.context() as patch:
            train_eagerly(patch)
            patch.setattr(Checkpoint, "on_epoch_end", write_and_copy)
            train_seeds(RECIPE, new / "copy", 2)

    return build("ensemble of two seeds", fill)


@pytest.fixture(scope="module")
def folder(built):
    return built / "copy"


def weights_of(path):
    return Translator.load(path).single_model.get_weights()


def assert_same_weights(one, other):
    for first, second in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(first, second)


def test_members_share_data_and_tokenizers_but_not_weights(folder):
    first, second = (folder / name for name in ("seed-1", "seed-2"))
    data = [read_run_data(path) for path in (first, second)]
    assert data[0].training == data[1].training
    assert data[0].held_out == data[1].held_out == read_held_out(folder).pairs
    codecs = [Translator.load(path).codec for path in (first, second)]
    assert codecs[0].to_files() == codecs[1].to_files()
    assert not any(map(np.array_equal, weights_of(first)[:3], weights_of(second)[:3]))


def test_a_member_equals_the_model_that_its_recipe_trains_alone(folder, eagerly, tmp_path):
    train(load_recipe(folder / "seed-2" / "recipe.toml"), tmp_path / "alone")
    assert_same_weights(tmp_path / "alone", folder / "seed-2")


def test_the_loaded_folder_predicts_the_mean_of_its_members_probabilities(folder):
    ensemble = Translator.load(folder)
    assert isinstance(ensemble.model, Ensemble)
    members = [Translator.load(folder / name).score(*PAIRS) for name in ("seed-1", "seed-2")]
    for found, *pairs in zip(ensemble.score(*PAIRS), *members, strict=True):
        expected = np.log(np.mean([np.exp(pair.log_probabilities) for pair in pairs], axis=0))
        np.testing.assert_allclose(found.log_probabilities, expected, atol=1e-5)


def test_the_report_holds_the_metric_of_each_seed_and_of_the_ensemble(folder):
    report = json.loads((folder / "seeds.json").read_text())
    curves = [RunFolder(folder / f"seed-{seed}").values("val_per") for seed in (1, 2)]
    best = [min(curve) for curve in curves]  # a lower phone error rate is better
    assert report["seeds"] == {"1": best[0], "2": best[1]}
    assert report["mean"] == pytest.approx(mean(best))
    assert report["deviation"] == pytest.approx(stdev(best))
    evaluation = evaluate(Translator.load(folder), read_held_out(folder).pairs)
    assert report["ensemble"] == pytest.approx(evaluation.score("per").value)
    about = about_run(folder)
    assert about["members"] == {"seed-1": 1, "seed-2": 2}
    assert about["metric"] == {"name": "per", "best held-out": report["ensemble"]}


def test_a_killed_ensemble_resumes_to_the_same_weights(built, eagerly, run, tmp_path):
    """The first member has ended, the second was killed after an epoch, the third is missing."""
    path = shutil.copytree(built / "copy", tmp_path / "copy")
    shutil.rmtree(path / "seed-2")
    shutil.copytree(built / "killed" / "seed-2", path / "seed-2")
    write_members(path, {"seed-1": 1, "seed-2": 2, "seed-3": 3})
    (path / "seeds.json").unlink()
    with pytest.raises(InputError, match="seed-3: no such folder; expected a member of the ens"):
        Translator.load(path)
    resumed = run("train", path, "--resume")
    assert resumed.code == 0, resumed.err
    assert "seed 3 (3 of 3)" in resumed.err
    for name in ("seed-1", "seed-2"):
        assert_same_weights(path / name, built / "copy" / name)
    assert len(Translator.load(path).model.models) == 3
    ensemble = json.loads((path / "seeds.json").read_text())["ensemble"]
    assert ["ensemble", f"{ensemble:.2f}"] in [
        re.findall(r"[\w.]+", line) for line in resumed.out.splitlines()
    ]


def test_commands_read_the_ensemble_as_a_model(folder, run, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{one}\t{two}\n" for one, two in zip(*PAIRS, strict=True)))
    evaluated = run("evaluate", folder, "--metrics", "per", "--errors", 0)
    assert evaluated.code == 0, evaluated.err
    ensemble = json.loads((folder / "seeds.json").read_text())["ensemble"]
    assert f"{ensemble:.2f}" in evaluated.out
    scored = run("score", folder, pairs)
    expected = Translator.load(folder).score(*PAIRS)
    assert [line.split("\t")[0] for line in scored.out.splitlines()] == [
        f"{pair.score:.4f}" for pair in expected
    ]
    aligned = run("align", folder, pairs)
    assert (aligned.code, aligned.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "already has an ensemble; continue it with --resume, or start again with --seeds N"),
        ("--overwrite", "already has an ensemble; continue it with --resume, or start again"),
        ("--seeds 3", "already has an ensemble; continue it with --resume, or start again"),
        ("--resume --set units=10", "the run was started with `units = 8`"),
        ("--resume --overwrite", "--resume keeps a run and --overwrite removes it"),
        ("--seeds 2 --changed-data", "--changed-data requires --resume."),
        ("--seeds 1", "Invalid value for '--seeds'"),
    ],
)
def test_wrong_requests_change_nothing(options, message, folder, run):
    before = contents(folder)
    refused = run("train", "copy", *overrides(*SETTINGS), "--output", folder, *options.split())
    assert (refused.code, refused.out) == (2, "")
    assert message in refused.err
    assert contents(folder) == before


def test_an_ensemble_whose_data_is_missing_is_not_started(run, tmp_path):
    arguments = ("--set", "format=tsv", "--set", "path=none.tsv", "--output", tmp_path / "new")
    refused = run("train", "copy", *arguments, "--seeds", 2)
    assert (refused.code, refused.out) == (2, "")
    assert "none.tsv" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_members_with_other_held_out_pairs_are_not_evaluated(folder, run, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "copy")
    data = read_run_data(copied / "seed-2")
    fewer = replace(data, held_out=data.held_out[1:], seen=[])
    for name, file_bytes in fewer.to_files().items():
        (copied / "seed-2" / name).write_bytes(file_bytes)
    refused = run("evaluate", copied)
    assert refused.code == 2
    assert "seed-2: expected the same held-out pairs as in" in refused.err


def test_an_ensemble_is_not_saved_over_the_runs_of_its_seeds(folder):
    with pytest.raises(InputError, match="a new folder to save an ensemble. .* `train --seeds`"):
        Translator.load(folder).save(folder)
