"""The bars of `compare` count epochs; the bar of all runs includes what active runs have done."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from keras_attention.cli.command_parts.run_bars import RunBars
from keras_attention.training.compare.comparison import Run
from keras_attention.training.compare.jobs import Failure
from keras_attention.training.recipe.recipe import load_recipe


@pytest.fixture
def progress():
    return Progress(console=Console(file=io.StringIO()))


def start(bars, folder, *settings):
    """Start a run of four epochs that has written its first checkpoint."""
    run = Run("copy", load_recipe("copy", ["epochs=4", *settings]), folder)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "epoch-0001.keras").touch()
    bars.start(run)
    bars.update()
    return run


def test_bars_count_epochs_and_runs(progress, tmp_path):
    bars = RunBars(progress, 2)
    run = start(bars, tmp_path / "a")
    every, active = progress.tasks
    assert (active.description, active.completed, active.total) == ("a", 1, 4)
    assert (every.completed, every.total) == (0.25, 2)
    bars.end(run, Failure(run, "no space"))
    assert [task.completed for task in progress.tasks] == [1]
    assert progress.console.file.getvalue() == "1/2  a  failed: no space\n"


def test_a_reason_is_printed_only_once(progress, tmp_path):
    bars = RunBars(progress, 3)
    for name, reason in (("a", "no data"), ("b", "no data"), ("c", "no space")):
        run = start(bars, tmp_path / name)
        bars.end(run, Failure(run, reason))
    lines = progress.console.file.getvalue().splitlines()
    assert lines == [
        "1/3  a  failed: no data",
        "2/3  b  failed, as a did",
        "3/3  c  failed: no space",
    ]


def test_a_run_that_validates_by_steps_has_no_known_number_of_checkpoints(progress, tmp_path):
    start(RunBars(progress, 1), tmp_path / "a", "validate_every=50")
    assert [task.total for task in progress.tasks] == [1, None]
    assert [task.completed for task in progress.tasks] == [0, 1]
