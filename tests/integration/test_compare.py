"""A comparison from the command line resumes after a kill and does not train a run twice."""

import csv
import json
import os
import re
import sys

import keras
import pytest
from runs import contents, overrides, train_eagerly

from keras_attention.files.folder_lock import LOCK_FILE, hold_folder
from keras_attention.training.callbacks.stopwatch import TIMES_FILE
from keras_attention.training.compare import jobs
from keras_attention.training.compare.comparison import plan_runs, read_result
from keras_attention.training.compare.run_results import complete_run
from keras_attention.training.compare.variants import expand_grid
from keras_attention.training.run.run_folder import RunFolder

TINY = ["size=300", "held_out=50", "longest=4", "units=16", "embedding=8", "epochs=2"]
# Train without graphs, because tracing one takes longer than these few steps.
EAGER_WORKER = """
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.training.callbacks.samples import ShowSamples
from keras_attention.training.compare.worker import main
Seq2Seq.run_eagerly = property(lambda model: True, lambda model, value: None)
ShowSamples.on_epoch_end = lambda *arguments: None
"""
# This worker stops after the first step that follows a checkpoint, and waits to be killed.
WAITING_WORKER = """
import time
from keras_attention.training.callbacks.checkpoint import Checkpoint
def wait(checkpoint, batch, logs=None):
    time.sleep(60 if checkpoint.folder.last_checkpoint()[0] else 0)
Checkpoint.on_train_batch_end = wait
"""
NAMES = ["luong-seed1", "luong-seed2", "fixed-vector-seed1", "fixed-vector-seed2"]


def changes(folder, names=NAMES):
    """Return the modification time and the content of each file in the run folders."""
    files = [path for name in names for path in (folder / name).rglob("*")]
    files += [folder / f"{name}.json" for name in names]
    times = {path: path.stat().st_mtime_ns for path in files}
    return times, {name: contents(folder / name) for name in names}


def start(planned, monkeypatch):
    """Complete all runs except the last, and kill the last in its second epoch."""
    train_eagerly(monkeypatch)
    *others, last = planned
    for other in others:
        assert complete_run(other, [4, 6], jobs=2) == read_result(other)
    times = last.folder / TIMES_FILE

    def kill():
        if times.is_file() and times.read_text():
            raise KeyboardInterrupt

    program = EAGER_WORKER + WAITING_WORKER + "main()"
    monkeypatch.setattr(jobs, "WORKER", [sys.executable, "-c", program])
    with pytest.raises(KeyboardInterrupt):
        jobs.run_all([last], on_wait=kill)
    assert RunFolder(last.folder).last_checkpoint()[0] == 1
    assert read_result(last) is None


def test_a_killed_grid_continues_and_its_table_is_printed_again(run, tmp_path, monkeypatch):
    folder = tmp_path / "grid"
    asked = ["compare", "copy", "--vary", "attention=luong,none", "--seeds", 2, "--jobs", 2]
    asked += [*overrides(*TINY), "--lengths", "4,6", "--output", folder]
    for attention in ("luong", "bahdanau"):
        asked += ["--also", f"attention={attention},placement=before,input_feeding=true"]
    planned = plan_runs(
        expand_grid("copy", TINY, vary=["attention=luong,none"]).variants, 2, folder
    )
    assert [each.folder.name for each in planned] == NAMES
    start(planned, monkeypatch)
    finished, rows = changes(folder, NAMES[:3]), RunFolder(folder / NAMES[3]).metrics()

    monkeypatch.setattr(jobs, "WORKER", [sys.executable, "-c", EAGER_WORKER + "main()"])
    first = run(*asked)
    assert first.code == 0, first.err
    assert f"1/1  {NAMES[3]}  exact_match " in first.out
    assert first.out.count("Wrote ") == 7
    assert changes(folder, NAMES[:3]) == finished
    check_resumed_run(planned[3], rows)
    before = changes(folder)

    again = run(*asked)
    assert again.code == 0
    left_out, nothing_left, *_ = again.out.splitlines()
    reason = ".*: `model.input_feeding` feeds the attentional vector to .*"
    assert re.fullmatch(rf"not trained: luong before.*, bahdanau before[^:]*: {reason}", left_out)
    assert first.out.splitlines()[:2] == [left_out, "3 of 4 runs are already finished."]
    assert nothing_left == "4 of 4 runs are already finished."
    told = first.out[first.out.index("┏") :]
    assert again.out.endswith(told)
    assert run(*asked, "--show").out == f"{left_out}\n{told}"
    assert changes(folder) == before
    check_table(folder)


def check_resumed_run(run, rows):
    """Check that the first epoch was trained before the kill, and that the second ran once."""
    folder, result = RunFolder(run.folder), read_result(run)
    assert len(rows) == 1
    assert folder.metrics()[:1] == rows
    times = (run.folder / TIMES_FILE).read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in times] == ["0", "1"]
    assert result.curve == tuple(folder.values("val_exact_match"))
    assert len(result.curve) == 2


def check_table(folder):
    """Check that the table's numbers are those of the runs."""
    with open(folder / "comparison.csv", newline="") as file:
        luong, fixed = csv.DictReader(file)
    values, errors = [], []
    for name in NAMES:
        saved = json.loads((folder / f"{name}.json").read_text())
        values.append(max(RunFolder(folder / name).values("val_exact_match")))
        errors.append(saved["alignment"].get("aer"))
        assert saved["jobs"] == 2
        assert saved["minutes"] > 0 < saved["tokens_per_second"]
        assert saved["lengths"].keys() == {"4", "6"}
    assert float(luong["exact_match_mean"]) == pytest.approx(sum(values[:2]) / 2)
    assert float(fixed["exact_match_mean"]) == pytest.approx(sum(values[2:]) / 2)
    assert float(luong["aer"]) == pytest.approx(sum(errors[:2]) / 2)
    assert errors[2:] == [None, None]
    assert fixed["aer"] == ""
    model = keras.models.load_model(folder / NAMES[2] / "model.keras")
    assert float(fixed["parameters"]) == model.count_params()


def test_a_failed_run_is_reported_with_its_reason(run, tmp_path):
    asked = ["compare", "copy", "--also", "short_list=5", "--output", tmp_path / "grid"]
    failed = run(*asked, *overrides(*TINY))
    assert failed.code == 2
    assert "1/1  short_list=5-seed1  failed: `training.short_list` requires a " in failed.out
    assert failed.err == (
        "error: 1 of 1 runs failed: short_list=5-seed1. Correct what the lines above report; the "
        "same input would fail again.\n"
    )


def test_only_one_comparison_at_a_time_uses_a_folder(run, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", [sys.executable, "-c", "raise SystemExit(3)"])
    asked = ["compare", "copy", "--vary", "units=8", "--output", tmp_path]
    with hold_folder(tmp_path):
        second = run(*asked)
        assert (second.code, second.out) == (2, "")
        assert second.err.startswith(f"error: {tmp_path}: process {os.getpid()} on ")
        assert list(tmp_path.iterdir()) == [tmp_path / LOCK_FILE]
    failed = run(*asked)
    assert "1/1  units=8-seed1  failed: ended with code 3" in failed.out
    assert failed.err.endswith("Run the same command again to repeat them.\n")
    assert not (tmp_path / LOCK_FILE).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vary", "atention=none"], "error: Unknown key `atention`; the nearest is"),
        (
            ["--vary", "units=8,none"],
            "error: `model.units` must be an integer of at least 1 and at most 16384.",
        ),
        (
            ["--vary", "units=8", "--lengths", "10,x"],
            "error: --lengths must be numbers such as 10,20,40.",
        ),
        (["--vary", "units=8", "--lengths", "9,9"], "error: --lengths must be increasing numbers"),
        (["--vary", "units=8", "--show"], "no run of this comparison has finished yet."),
        ([], "error: expected --vary KEY=VALUE,VALUE or --also"),
    ],
)
def test_invalid_comparisons_are_refused_before_training(run, options, message, tmp_path):
    outcome = run("compare", "copy", *options, "--output", tmp_path / "grid")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
