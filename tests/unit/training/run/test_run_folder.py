import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from keras_attention._version import __version__
from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_folder import RunFolder


@pytest.fixture
def recipe():
    return load_recipe("dates")


@pytest.fixture
def started(tmp_path, recipe):
    run = RunFolder(tmp_path / "saved_models" / "run")
    run.start(recipe)
    return run


def write_metrics(run, *rows):
    run.metrics_file.write_text("epoch,loss\n" + "".join(f"{row}\n" for row in rows))


def add_checkpoints(run, *names):
    run.checkpoints.mkdir(exist_ok=True)
    for name in names:
        (run.checkpoints / name).write_bytes(b"")


def test_start_writes_recipe_and_versions(started, recipe):
    assert sorted(path.name for path in started.path.iterdir()) == ["recipe.toml", "versions.json"]
    assert load_recipe(started.recipe_file) == recipe
    versions = json.loads(started.versions_file.read_text())
    assert {"keras", "tensorflow", "numpy", "python"} <= versions.keys()
    # Runs of every version are recognized by this key, so it stays if the package is renamed.
    assert versions["keras-attention"] == __version__


def test_an_existing_run_is_not_overwritten_by_default(started):
    with pytest.raises(InputError, match="already has a run; continue it with --resume"):
        started.check_free()
    started.check_free(overwrite=True)


def test_overwriting_removes_all_files_of_the_run(started, recipe):
    add_checkpoints(started, "epoch-0001.keras")
    write_metrics(started, "0,1.5")
    started.start(recipe, overwrite=True)
    assert sorted(path.name for path in started.path.iterdir()) == ["recipe.toml", "versions.json"]


def everything_in(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "name",
    [
        "thesis.tex",
        "logs/notes.txt",
        "1/thesis.tex",
        "other.tflite",
        "checkpoints/epoch-1/a.keras",
        "mine/notes.vocabulary.txt",
        "2019-thesis/variables/x",
    ],
)
def test_a_folder_with_a_foreign_file_is_not_overwritten(started, recipe, name):
    add_checkpoints(started, "epoch-0001.keras")
    foreign = started.path / name
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_text("years of work")
    before = everything_in(started.path)
    for refused in (started.check_free, partial(started.start, recipe)):
        with pytest.raises(InputError, match=f"{name}: --overwrite only removes files that keras-"):
            refused(overwrite=True)
    assert everything_in(started.path) == before


def test_a_project_folder_with_its_own_recipe_is_not_overwritten(tmp_path, recipe):
    recipe.save(tmp_path / "recipe.toml")
    (tmp_path / "thesis.tex").write_text("years of work")
    run, before = RunFolder(tmp_path), everything_in(tmp_path)
    with pytest.raises(InputError, match="expected a new or empty folder for the run"):
        run.check_free()
    with pytest.raises(InputError, match="only removes runs that keras-attention .*versions.json"):
        run.check_free(overwrite=True)
    assert everything_in(tmp_path) == before


def test_the_working_folder_and_its_parents_are_not_overwritten(started, monkeypatch):
    inside = started.path / "logs"
    inside.mkdir()
    for folder in (started.path, inside):
        monkeypatch.chdir(folder)
        with pytest.raises(InputError, match="cannot remove the working folder or a folder that"):
            started.check_free(overwrite=True)


def test_overwriting_removes_links_but_not_their_targets(started, recipe, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.keras").write_text("years of work")
    (started.path / "model.keras").symlink_to(tmp_path / "elsewhere" / "model.keras")
    started.start(recipe, overwrite=True)
    assert not (started.path / "model.keras").exists()
    assert (tmp_path / "elsewhere" / "model.keras").read_text() == "years of work"


def test_an_interrupted_removal_can_be_repeated(started, recipe, monkeypatch):
    add_checkpoints(started, "epoch-0001.keras")
    write_metrics(started, "0,1.5")
    unlink, allowed = Path.unlink, iter([True, True])

    def stop(path, **options):
        if not next(allowed, False):
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", stop)
    with pytest.raises(KeyboardInterrupt):
        started.start(recipe, overwrite=True)
    monkeypatch.undo()
    started.check_free(overwrite=True)
    started.start(recipe, overwrite=True)
    assert sorted(path.name for path in started.path.iterdir()) == ["recipe.toml", "versions.json"]


def test_a_folder_that_is_not_a_run_folder_is_not_overwritten(tmp_path):
    run = RunFolder(tmp_path)
    run.check_free()
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="expected a new or empty folder for the run"):
            run.check_free(overwrite=overwrite)
    with pytest.raises(InputError, match="expected a new or empty folder"):
        RunFolder(tmp_path / "thesis.tex").check_free()


def test_a_run_can_be_resumed_with_the_same_recipe_or_more_epochs(started, recipe):
    started.check_same(recipe)
    started.check_same(replace(recipe, training=replace(recipe.training, epochs=99)))
    started.check_same(replace(recipe, data=replace(recipe.data, in_memory=10)))
    cosine = replace(recipe, training=replace(recipe.training, schedule="cosine"))
    run = RunFolder(started.path.with_name("cosine"))
    run.start(cosine)
    run.check_same(cosine)
    with pytest.raises(InputError, match="`epochs = 3`, and a cosine schedule ends with"):
        run.check_same(replace(cosine, training=replace(cosine.training, epochs=99)))
    other = replace(recipe, model=replace(recipe.model, units=6))
    with pytest.raises(InputError, match="nothing has been trained yet, so start again with --ov"):
        started.check_same(other)
    add_checkpoints(started, "epoch-0001.keras")
    with pytest.raises(InputError) as error:
        started.check_same(other)
    assert str(error.value) == (
        f"{started.recipe_file}: the run was started with `units = 128`; to keep its settings, run "
        f"`keras-attention train {started.path} --resume`; to change them, start a new run in "
        "another folder. Received: `units = 6`."
    )


def test_resuming_requires_a_run_that_is_not_overwritten(started, recipe, tmp_path):
    with pytest.raises(InputError, match="has no run to resume"):
        RunFolder(tmp_path / "other").check_same(recipe)
    with pytest.raises(InputError, match="choose one of them"):
        started.check_same(recipe, overwrite=True)


def test_the_last_checkpoint_is_the_complete_one_of_the_latest_epoch(started):
    assert started.last_checkpoint() == (0, None)
    add_checkpoints(started, "epoch-0002.keras", "epoch-0010.keras", "epoch-0011.keras.part")
    (started.checkpoints / ".epoch-0012.keras.x").mkdir()
    assert started.last_checkpoint() == (10, started.checkpoint(10))


@pytest.mark.parametrize("keep", [1, 2, 3, 9])
def test_the_last_checkpoints_are_kept(started, keep):
    names = ["epoch-0002.keras", "epoch-0010.keras", "epoch-10000.keras"]
    add_checkpoints(started, *names, "epoch-0001.keras.part")
    started.drop_checkpoints(keep=keep)
    left = [(number, started.checkpoint(number)) for number in (2, 10, 10000)[-keep:]]
    assert started.all_checkpoints() == left
    assert (started.checkpoints / "epoch-0001.keras.part").exists()


def test_unfinished_files_of_a_killed_run_are_removed(started, recipe):
    add_checkpoints(started, "epoch-0001.keras")
    kept = set(started.path.rglob("*"))
    for path in (
        started.path / ".model.keras.unfinished-a1b2c3_4",
        started.checkpoints / ".x.y.unfinished-abcdefgh",
    ):
        path.mkdir()
        (path / "model.keras").write_bytes(b"half")
    started.start(recipe, 1)
    assert set(started.path.rglob("*")) == kept


def test_a_run_killed_at_its_start_can_be_started_again(tmp_path):
    (tmp_path / ".recipe.toml.unfinished-abcdefgh").mkdir()
    RunFolder(tmp_path).check_free()


def test_resuming_drops_the_metrics_of_epochs_that_are_trained_again(started, recipe):
    versions = started.versions_file.read_bytes()
    write_metrics(started, "0,1.5", "1,1.25", "2,1.125")
    started.start(recipe, 2)
    assert started.metrics() == [{"epoch": 0.0, "loss": 1.5}, {"epoch": 1.0, "loss": 1.25}]
    # CSVLogger appends to this file, so the format must be CSVLogger's.
    assert started.metrics_file.read_bytes().split() == [b"epoch,loss", b"0,1.5", b"1,1.25"]
    assert started.versions_file.read_bytes() == versions
    started.start(recipe, 0)
    assert not started.metrics_file.exists()
    assert started.metrics() == []


@pytest.mark.parametrize("row", ["1", "1,"])
def test_an_unfinished_row_of_a_killed_run_is_ignored(started, row):
    write_metrics(started, "0,1.5", row)
    assert started.values("loss") == [1.5]


def test_a_run_without_held_out_pairs_has_no_validation_metrics(started, recipe):
    started.metrics_file.write_text("epoch,loss,val_loss\n0,1.5,NA\n")
    assert started.metrics() == [{"epoch": 0.0, "loss": 1.5}]
    started.start(recipe, 1)
    with open(started.metrics_file, "a") as file:
        file.write("1,1.25,NA\n")  # CSVLogger always writes all of its columns
    assert started.values("loss") == [1.5, 1.25] and started.values("val_loss") == []


@pytest.mark.parametrize("rows", [["1", "2,1.0"], ["1,many"], ["1,1.0,2.0"]])
def test_damaged_metrics_are_an_error(started, rows):
    write_metrics(started, "0,1.5", *rows)
    with pytest.raises(InputError, match=r"metrics\.csv: damaged, expected a CSV table of numbers"):
        started.metrics()


@pytest.mark.parametrize(
    "content",
    [b"epoch,loss\n0,\xff\n", b"epoch,loss\n0," + b"1" * 200_000 + b"\n", b"epoch,loss\ninf,1\n"],
)
def test_metrics_that_are_not_text_or_not_finite_numbers_are_an_error(started, content):
    started.metrics_file.write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.csv: damaged, expected a CSV table of numbers"):
        started.metrics()


def test_a_metric_that_was_not_computed_is_not_an_error(started, recipe):
    text = "epoch,loss,val_loss\n0,1.5,NA\n1,1.25,0.5\n2,1.0,NA\n"
    started.metrics_file.write_text(text)
    assert started.values("val_loss") == [0.5]
    assert started.values("loss") == [1.5, 1.25, 1.0]
    started.start(recipe, 2)
    assert started.metrics_file.read_text().split() == text.split()[:3]
    started.start(recipe, 1)
    assert started.metrics_file.read_text().split() == text.split()[:2]


def test_a_row_without_a_line_end_is_ignored(started):
    started.metrics_file.write_text("epoch,loss\n0,1.5\n1,1.2")
    assert started.values("loss") == [1.5]


def test_files_that_are_passed_to_start_are_written_and_belong_to_the_run(started, recipe):
    files = {"data.json": b"{}", "held_out.jsonl": b"", "translator.json": b"1"}
    started.start(recipe, files=files)
    assert {name: (started.path / name).read_bytes() for name in files} == files
    (started.path / "train.lock").touch()
    started.check_free(overwrite=True)
    started.start(recipe, overwrite=True)
    left = sorted(path.name for path in started.path.iterdir())
    assert left == [
        "recipe.toml",
        "train.lock",
        "versions.json",
    ]  # the process that holds the lock removes the lock file


def test_a_folder_with_only_a_lock_counts_as_empty(tmp_path):
    (tmp_path / "train.lock").touch()
    RunFolder(tmp_path).check_free()


def test_a_trained_run_without_its_recipe_is_not_mistaken_for_a_killed_start(started):
    add_checkpoints(started, "epoch-0001.keras")
    started.recipe_file.unlink()
    with pytest.raises(
        InputError, match="has a run without its recipe.toml; start again with --ov"
    ):
        started.check_free()
    started.check_free(overwrite=True)


def test_unfinished_files_of_killed_exports_are_removed(started, recipe):
    for folder in ("onnx", "serving"):
        (started.path / folder / ".encode.onnx.unfinished-abcdefgh").mkdir(parents=True)
    started.start(recipe)
    assert sorted(path.name for path in started.path.rglob("*")) == [
        "onnx", "recipe.toml", "serving", "versions.json",
    ]  # fmt: skip


KILLED = """
import os
import shutil
import sys
from pathlib import Path
from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_folder import RunFolder

run, recipe = RunFolder(sys.argv[1]), load_recipe("dates")
files = {"held_out.jsonl": b"", "translator.json": b"1"}
calls = {name: getattr(os, name) for name in ("unlink", "rmdir", "replace", "mkdir", "rename")}

def kill_at(call):
    def count(function):
        def counted(*arguments, **options):
            if not left:
                os._exit(9)
            left.pop()
            return function(*arguments, **options)
        return counted
    left = [None] * call
    for name, function in calls.items():
        setattr(os, name, count(function))

def can(check):
    try:
        check()
    except InputError:
        return False
    return True

for call in range(1000):
    shutil.rmtree(run.path, ignore_errors=True)
    run.start(recipe, files=files)
    run.checkpoints.mkdir()
    run.checkpoint(1).touch()
    (run.path / "logs" / "train").mkdir(parents=True)
    (run.path / "logs" / "train" / "events.out.tfevents.1").touch()
    run.metrics_file.write_text("epoch,loss\\n0,1.5\\n")
    child = os.fork()
    if not child:
        kill_at(call)
        run.start(recipe, overwrite=True, files=files)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert can(lambda: run.check_free(overwrite=True)), (call, sorted(run.path.rglob("*")))
    if not any(run.checkpoints.glob("*")):  # nothing to resume, so nothing to lose
        resumes = run.recipe_file.is_file() and can(lambda: run.check_same(recipe))
        assert resumes or can(run.check_free), (call, sorted(run.path.rglob("*")))
    run.start(recipe, overwrite=True, files=files)
    assert sorted(path.name for path in run.path.rglob("*")) == [
        "held_out.jsonl", "recipe.toml", "translator.json", "versions.json"
    ], (call, sorted(run.path.rglob("*")))
    if not ended:
        print(call)
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_removal_can_be_killed_at_any_moment(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15


@pytest.mark.parametrize("name", ["checkpoints", "logs", "logs/train"])
@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_a_file_in_place_of_a_folder_is_an_error_before_training(name, kind, started, recipe):
    path = started.path / name
    path.parent.mkdir(exist_ok=True)
    path.touch() if kind == "file" else path.symlink_to("nothing")
    with pytest.raises(InputError, match=f"{name}: expected a path .*Received: Not a directory"):
        started.start(recipe, 2)
