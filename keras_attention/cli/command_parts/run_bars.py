"""The progress bars of `compare`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from keras_attention.cli.progress import Bar, TimeLeftColumn, progress_bars
from keras_attention.training.compare.comparison import Run, read_result
from keras_attention.training.compare.jobs import Failure
from keras_attention.training.metrics.metric_kinds import format_value
from keras_attention.training.run.run_folder import RunFolder


@contextmanager
def show_runs(runs: Sequence[Run], console: Console) -> Iterator[RunBars]:
    """Show a bar for all runs and a bar for each active run, until the block ends."""
    columns = MofNCompleteColumn(), TimeLeftColumn()
    with progress_bars(*columns, console=console, transient=True) as progress:
        yield RunBars(progress, len(runs))


class RunBars:
    """A bar for all runs, a bar for each active run, and a line for each finished run."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._all = Bar(progress, "runs", total)
        self._active: dict[Path, tuple[Run, Bar]] = {}
        self._total = total
        self._ended = 0
        self._reasons: dict[str, str] = {}

    def start(self, run: Run) -> None:
        """Add the bar of a run that starts."""
        done, _ = RunFolder(run.folder).last_checkpoint()
        bar = Bar(self._progress, run.folder.name, _checkpoints(run), done=done)
        self._active[run.folder] = run, bar

    def end(self, run: Run, failure: Failure | None) -> None:
        """Remove the bar of a run that ended, and print the result."""
        _, bar = self._active.pop(run.folder)
        self._progress.remove_task(bar.task)
        self._ended += 1
        self._all.set(self._ended)
        result = self._describe(failure) if failure else _in_words(run)
        line = f"{self._ended}/{self._total}  {run.folder.name}  {result}"
        self._progress.console.print(line, markup=False)

    def _describe(self, failure: Failure) -> str:
        """Return the reason of a failure, or the earlier run that failed for the same reason."""
        name = failure.run.folder.name
        first = self._reasons.setdefault(failure.reason, name)
        return f"failed: {failure.reason}" if first == name else f"failed, as {first} did"

    def update(self) -> None:
        """Update the bars to the last checkpoint of each active run."""
        finished = float(self._ended)
        for run, bar in self._active.values():
            done, _ = RunFolder(run.folder).last_checkpoint()
            bar.set(done)
            if total := _checkpoints(run):
                finished += done / total
        self._all.set(finished)


def _checkpoints(run: Run) -> int | None:
    """Return how many checkpoints a run writes, one per epoch; None if it depends on the data."""
    training = run.recipe.training
    return None if training.validate_every else training.epochs


def _in_words(run: Run) -> str:
    result = read_result(run)
    if result is None or result.value is None:
        return "finished"
    minutes = "" if result.minutes is None else f"  {result.minutes:.1f} minutes"
    return f"{result.metric} {format_value(result.metric, result.value)}{minutes}"
