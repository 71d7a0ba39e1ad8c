"""A run folder records its data. Changes to the data or to the folder's own files are found."""

import json
import os
import shutil

import pytest
from runs import contents, overrides, train_eagerly

from keras_attention.files.folder_lock import hold_folder
from keras_attention.training.compare.comparison import Result, Run
from keras_attention.training.compare.run_results import complete_run
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.fingerprints import Fingerprint
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.run_data import RunData
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train
from keras_attention.translation.model_files import load_codec

RECIPE = """
[data]
format = "tsv"
path = "pairs.tsv"
held_out = 4
[model]
units = 4
embedding = 4
[training]
epochs = 1
batch_size = 8
"""
PAIRS = [(one + two, two + one) for one in "abcd" for two in "abcdef"]
MORE = [("fff", letter) for letter in "abcdef"]


def write(folder, pairs):
    (folder / "pairs.tsv").write_text("".join(f"{one}\t{two}\n" for one, two in pairs))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Return a folder with a recipe, its data and a run of one epoch; do not change it."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "words.toml").write_text(RECIPE)
    write(folder, PAIRS)
    with pytest.MonkeyPatch.context() as patch:
        train_eagerly(patch)
        patch.chdir(folder)
        train(load_recipe("words.toml"), "run")
    return folder


@pytest.fixture
def work(first, tmp_path, monkeypatch, eagerly):
    """Copy the folder `first`, and make the copy the working folder."""
    folder = shutil.copytree(first, tmp_path / "work")
    recipe = folder / "run" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(str(first), str(folder)))
    monkeypatch.chdir(folder)
    return folder


def test_a_run_whose_data_grew_is_not_resumed(work, run):
    before = contents(work / "run")
    write(work, [*PAIRS, *MORE])
    refused = run("train", "words.toml", "--output", "run", "--resume", "--set", "epochs=2")
    assert (refused.code, refused.out) == (2, "")
    assert (
        f"{work / 'pairs.tsv'}: changed since the run was started; restore the old" in refused.err
    )
    assert refused.err.count("\n") == 1
    assert contents(work / "run") == before


def test_a_run_resumes_with_changed_data_if_that_is_requested(work, run, monkeypatch):
    codec, held_out = load_codec(work / "run"), read_held_out(work / "run").pairs
    write(work, [*MORE * 3, *PAIRS])
    trained = []
    monkeypatch.setattr(
        "keras_attention.training.batches.recipe_batches.PairBatches",
        lambda pairs, *rest, **options: (
            trained.append(pairs) or PairBatches(pairs, *rest, **options)
        ),
    )
    from keras_attention.training.batches.pair_batches import PairBatches

    asked = ["train", "words.toml", "--output", "run", "--resume", "--set", "epochs=2"]
    assert run(*asked, "--changed-data").code == 0
    assert trained[0] == [pair for pair in [*MORE * 3, *PAIRS] if pair not in held_out]
    assert trained[1] == held_out
    assert load_codec(work / "run").differs_in(codec) == ""
    assert read_held_out(work / "run").pairs == held_out
    assert len(RunFolder(work / "run").metrics()) == 2
    assert run(*asked).code == 0  # the changed data is now the run's data


def test_a_run_without_its_metrics_file_warns_and_resumes(work, run):
    (work / "run" / "metrics.csv").unlink()
    resumed = run("train", "words.toml", "--output", "run", "--resume", "--set", "epochs=2")
    assert resumed.code == 0
    assert "metrics.csv: has 0 of the run's 1 validations" in resumed.err
    assert [row["epoch"] for row in RunFolder(work / "run").metrics()] == [1]


def test_the_option_for_changed_data_requires_resume(work, run):
    refused = run("train", "words.toml", "--output", "new", "--changed-data")
    assert (refused.code, refused.out) == (2, "")
    assert "error: --changed-data requires --resume." in refused.err
    assert not (work / "new").exists()


@pytest.mark.parametrize("command", ["evaluate", "align", "export"])
def test_an_edited_recipe_is_refused(command, work, run):
    path = work / "run" / "recipe.toml"
    path.write_text(path.read_text().replace("units = 4", "units = 8"))
    refused = run(command, "run")
    assert (refused.code, refused.out) == (2, "")
    assert "expected the recipe that the run was started with, which has `units = 4`" in refused.err
    assert not (work / "run" / "1").exists()


def test_evaluation_uses_the_pairs_that_were_held_out(work, run):
    asked = ["evaluate", "run", "--errors", "0"]
    before = run(*asked)
    assert (before.code, before.err) == (0, "")
    write(work, [*MORE, *PAIRS[::-1]])
    after = run(*asked)
    assert after.out == before.out
    assert after.err.startswith(f"note: {work / 'pairs.tsv'}: changed since the run was started; ")
    (work / "pairs.tsv").unlink()
    assert run(*asked) == before
    aligned = run("align", "run")
    assert aligned.out.count("\n") == 4


def test_a_folder_of_an_older_version_is_evaluated_with_a_note(work, run):
    for name in ("data.json", "held_out.jsonl"):
        (work / "run" / name).unlink()
    outcome = run("evaluate", "run", "--errors", "0")
    assert outcome.code == 0
    assert outcome.err.startswith("note: run: this run has no data.json, so its held-out pairs")
    write(work, [*MORE * 3, *PAIRS])
    refused = run("train", "words.toml", "--output", "run", "--resume", "--set", "epochs=2")
    assert refused.code == 2
    assert "run: the tokenizers learned from the current data differ from those of" in refused.err


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("source.vocabulary.txt", lambda text: text.replace("a\nb", "b\na"), "expected the file"),
        ("recipe.toml", lambda text: "", "expected the recipe that the run was started with"),
        ("held_out.jsonl", lambda text: text * 2, "expected the held-out pairs that the run"),
    ],
)
def test_a_file_of_another_run_is_refused(name, change, message, work, run):
    path = work / "run" / name
    text = path.read_text()
    path.write_text(change(text))
    if path.read_text() == text:  # the order of the vocabulary differs
        path.write_text("\n".join([*text.split("\n")[:4], *reversed(text.split()[4:]), ""]))
    outcome = run("evaluate", "run")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{name}: {message}" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--resume"], ["--overwrite"]])
def test_a_folder_in_which_another_process_trains_is_not_changed(options, work, run):
    folder = "run" if options else "new"
    with hold_folder(work / folder, "train.lock"):
        before = contents(work / folder)
        refused = run("train", "words.toml", "--output", folder, *options)
        assert (refused.code, refused.out) == (2, "")
        assert f"error: {folder}: process {os.getpid()} on " in refused.err
        assert contents(work / folder) == before


def test_a_run_without_held_out_pairs_is_resumed_and_compared(work, run):
    asked = ["train", "words.toml", "--output", "new", *overrides("held_out=0")]
    assert run(*asked).code == 0
    assert run(*asked, "--resume", "--set", "epochs=2").code == 0
    assert len(RunFolder(work / "new").values("loss")) == 2
    recipe = load_recipe(work / "new" / "recipe.toml")
    result = complete_run(Run("new", recipe, work / "new"))
    assert (result.value, result.curve, result.alignment) == (None, (), {})
    saved = json.loads((work / "new.json").read_text())
    assert saved["files"]["data.path"]["path"] == str(work / "pairs.tsv")


def test_all_runs_of_a_comparison_must_have_the_same_data(work, run, monkeypatch):
    def end_all(runs, **_):
        for run in runs:
            end(run)
        return []

    monkeypatch.setattr("keras_attention.training.compare.jobs.run_all", end_all)
    grid, name = work / "grid", "units=4-seed1"
    asked = ["compare", "words.toml", "--vary", "units=4", "--output", "grid"]
    shutil.copytree(work / "run", grid / name)
    end(Run("units=4", load_recipe(work / "run" / "recipe.toml"), grid / name))
    old = contents(grid)
    write(work, [*MORE, *PAIRS])
    shown_message = f"{work / 'pairs.tsv'} has changed since these runs were started: {name}"
    shown = run(*asked, "--show")
    assert shown.err == f"note: {shown_message}; their rows are marked.\n"
    assert "│ units=4 (other data) │" in shown.out
    assert "units=4 (other data)" in (grid / "comparison.csv").read_text()
    again = run(*asked)
    kept = grid / "other-data-1"
    assert again.out.startswith(
        f"{shown_message}; they are trained again. The old runs are now in grid/oth"
    )
    assert "(other data)" not in again.out
    assert contents(kept) == old
    (row,) = json.loads((grid / "comparison.json").read_text())
    assert row["seeds"][0]["files"]["data.path"]["path"] == str(work / "pairs.tsv")
    assert "are trained again" not in run(*asked).out
    assert sorted(path.name for path in grid.iterdir() if path.is_dir()) == [kept.name, name]
    assert "(other data)" in run(*asked[:-1], kept, "--show").out


def end(run):
    """Save a result for a run without training it; the result records the current data files."""
    files = {"data.path": Fingerprint.of(run.recipe.data.path)}
    Result(run.recipe.to_toml(), "exact_match", 0.5, (0.5,), 9, 1.0, 9.0, 1, {}, {}, files).save(
        run
    )
    if not run.folder.exists():
        data = RunData(run.recipe.to_toml(), files, "", [])
        RunFolder(run.folder).start(run.recipe, files=data.to_files())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["accumulate=4"], "`training.accumulate` must be at most the total number of steps, 3"),
        (
            ["warmup=31"],
            "`training.warmup` must be at most 10 times the total number of updates, 3",
        ),
    ],
)
def test_settings_that_would_train_nothing_are_refused(settings, message, work, run):
    refused = run("train", "words.toml", "--output", "new", *overrides(*settings))
    assert (refused.code, refused.out) == (2, "")
    assert message in refused.err
    assert not (work / "new").exists()
