"""A comparison from the command line: trained once, continued where it was killed, told again."""

import csv
import json
import os
import platform
import re
import sys

import keras
import pytest
from runs import contents, overrides

from keras_attention.training import jobs
from keras_attention.training.comparison import plan_runs, read_result
from keras_attention.training.folder_lock import LOCK_FILE
from keras_attention.training.measuring import complete
from keras_attention.training.run_folder import RunFolder
from keras_attention.training.stopwatch import TIMES_FILE
from keras_attention.training.variants import expand_grid

TINY = ["size=300", "held_out=50", "longest=4", "units=16", "embedding=8", "epochs=2"]
# Tracing a step's graph takes longer than these few steps take.
EAGER_WORKER = """
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.training.samples import ShowSamples
from keras_attention.training.worker import main
Seq2Seq.run_eagerly = property(lambda model: True, lambda model, value: None)
ShowSamples.on_epoch_end = lambda *arguments: None
main()
"""
NAMES = ["luong-seed1", "luong-seed2", "fixed-vector-seed1", "fixed-vector-seed2"]


def changes(folder):
    """When each file of the run folders was written, and what it holds."""
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*-seed*/**/*")}
    return times, {name: contents(folder / name) for name in NAMES}


def test_a_grid_is_trained_once_and_told_again(run, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", [sys.executable, "-c", EAGER_WORKER])
    asked = ["compare", "copy", "--vary", "attention=luong,none", "--seeds", 2, "--jobs", 2]
    asked += [*overrides(*TINY), "--lengths", "4,6", "--output", tmp_path / "grid"]
    for attention in ("luong", "bahdanau"):
        asked += ["--also", f"attention={attention},placement=before,input_feeding=true"]
    first = run(*asked)
    assert first.code == 0, first.err
    assert all(f"/4  {name}  exact_match " in first.out for name in NAMES)
    assert first.out.count("Wrote ") == 7
    before = changes(tmp_path / "grid")

    again = run(*asked)
    assert again.code == 0
    left_out, finished, *_ = again.out.splitlines()
    reason = ".*: `model.input_feeding` needs model.placement='after', .*"
    assert re.fullmatch(rf"left out: luong before.*, bahdanau before[^:]*: {reason}", left_out)
    assert finished == "4 of 4 runs were finished before."
    told = first.out[first.out.index("┏") :]
    assert again.out.endswith(told)
    assert run(*asked, "--show").out == f"{left_out}\n{told}"
    assert changes(tmp_path / "grid") == before

    with open(tmp_path / "grid" / "comparison.csv", newline="") as file:
        luong, fixed = csv.DictReader(file)
    values, errors = [], []
    for name in NAMES[:2]:
        folder = RunFolder(tmp_path / "grid" / name)
        values.append(max(folder.values("val_exact_match")))
        saved = json.loads((tmp_path / "grid" / f"{name}.json").read_text())
        errors.append(saved["alignment"]["aer"])
        assert saved["jobs"] == 2
        assert saved["minutes"] > 0 < saved["tokens_per_second"]
        assert saved["lengths"].keys() == {"4", "6"}
    assert float(luong["exact_match_mean"]) == pytest.approx(sum(values) / 2)
    assert float(luong["aer"]) == pytest.approx(sum(errors) / 2)
    assert fixed["aer"] == ""
    model = keras.models.load_model(tmp_path / "grid" / NAMES[2] / "model.keras")
    assert float(fixed["parameters"]) == model.count_params()


def test_a_killed_run_goes_on_after_its_last_validation(tmp_path):
    settings = [*TINY, "size=1500", "epochs=6"]
    grid = expand_grid("copy", settings, vary=["attention=none"])
    (planned,) = plan_runs(grid.variants, 1, tmp_path)
    folder = RunFolder(planned.folder)

    def kill():
        if folder.last_checkpoint()[0]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.run_all([planned], on_wait=kill)
    done = folder.last_checkpoint()[0]
    rows = folder.metrics()[:done]
    assert read_result(planned) is None
    assert 1 <= done < 6

    result = complete(planned)
    assert result == read_result(planned)
    assert folder.metrics()[:done] == rows
    times = (planned.folder / TIMES_FILE).read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in times} == set("012345")
    assert sum(line.startswith("0,") for line in times) == 1
    assert result.curve == tuple(folder.values("val_exact_match"))


def test_a_run_that_fails_is_told_with_its_reason(run, tmp_path):
    asked = ["compare", "copy", "--also", "short_list=5", "--output", tmp_path / "grid"]
    failed = run(*asked, *overrides(*TINY))
    assert failed.code == 2
    assert "1/1  short_list=5-seed1  failed: `training.short_list` needs 1024 " in failed.out
    assert failed.err.startswith("error: 1 of 1 runs failed; their .log files say why")


def test_a_folder_is_one_comparison_s_at_a_time(run, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", [sys.executable, "-c", "raise SystemExit(3)"])
    asked = ["compare", "copy", "--vary", "units=8", "--output", tmp_path]
    lock = tmp_path / LOCK_FILE
    lock.write_text(f"{os.getppid()} on {platform.node()}")
    second = run(*asked)
    assert (second.code, second.out) == (2, "")
    assert second.err.startswith(f"error: {tmp_path}: process {os.getppid()} on ")
    assert list(tmp_path.iterdir()) == [lock]
    lock.unlink()
    failed = run(*asked)
    assert "1/1  units=8-seed1  failed: ended with code 3" in failed.out
    assert not lock.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vary", "atention=none"], "error: Unknown key `atention`; the nearest is"),
        (["--vary", "units=8,none"], "error: `model.units` must be an integer of at least 1."),
        (["--vary", "units=8", "--lengths", "10,x"], "error: --lengths must read like 10,20,40."),
        (["--vary", "units=8", "--lengths", "9,9"], "error: --lengths must be rising numbers"),
        (["--vary", "units=8", "--show"], "no run of this comparison has ended yet."),
        ([], "error: A comparison needs --vary"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_is_trained(
    run, options, message, tmp_path
):
    outcome = run("compare", "copy", *options, "--output", tmp_path / "grid")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
