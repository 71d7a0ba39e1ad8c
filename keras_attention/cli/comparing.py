"""`compare`: what it prints while the runs are trained, and the table behind them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from keras_attention.alignment.links import HIGH_ERROR
from keras_attention.cli.stopping import advise_on_stop
from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.files.workspaces import find_leftovers
from keras_attention.training.compare.comparison import (
    Run,
    is_complete,
    other_data,
    plan_runs,
    read_result,
    set_aside,
)
from keras_attention.training.compare.comparison_plots import plot_comparison
from keras_attention.training.compare.comparison_table import (
    Row,
    format_tables,
    make_rows,
    poorly_aligned,
    save_table,
)
from keras_attention.training.compare.jobs import Failure, run_all
from keras_attention.training.compare.variants import Grid, Refused
from keras_attention.training.evaluation.by_length import check_lengths, wanted_lengths
from keras_attention.training.metrics.metric_kinds import format_value
from keras_attention.training.run.run_folder import RunFolder

_WIDTH = 160
"""Columns of a table where no terminal says how many it has."""


@dataclass(frozen=True)
class Plan:
    """What `compare` is asked for.

    Attributes:
        folder: where everything goes.
        seeds: runs a variant.
        jobs: runs at once.
        lengths: source lengths to test on.
        show: whether only what there is gets printed.
    """

    folder: Path
    seeds: int = 1
    jobs: int = 1
    lengths: tuple[int, ...] = ()
    show: bool = False


def run_compare(grid: Grid, plan: Plan) -> None:
    """Trains what is missing, then prints and saves the table and the pictures.

    While it trains, no other process can train in the same folder. Runs of other data are moved
    into a subfolder and trained again; where nothing is trained, and for data that changes
    meanwhile, their rows are marked.

    Raises:
        InputError: before anything is trained, if something cannot be used; behind the table, if
            runs failed.
    """
    for variant in grid.variants:
        check_lengths(variant.recipe, plan.lengths)
    runs = plan_runs(grid.variants, plan.seeds, plan.folder)
    console = Console(highlight=False, soft_wrap=True)
    for reason, labels in _by_reason(grid.refused).items():
        console.print(f"left out: {', '.join(labels)}: {reason}", markup=False)
    failures: list[Failure] = []
    if not plan.show:
        with advise_on_stop("Run the same command again to continue."), hold_folder(plan.folder):
            for leftover in find_leftovers(plan.folder):
                shutil.rmtree(leftover)
            _set_aside(_other_data(runs), plan.folder, console)
            failures = _train(runs, plan, console)
    if changed := _other_data(runs):
        print(f"note: {_describe(changed)}; their rows are marked.", file=sys.stderr)
    rows = make_rows(runs)
    if any(row.results for row in rows):
        _report(rows, _names_of_lengths(runs, plan), plan)
    elif not failures:
        raise InputError(f"{plan.folder}: no run of this comparison has ended yet.")
    if failures:
        raise InputError(
            f"{len(failures)} of {len(runs)} runs failed; their .log files say why, and the same "
            "command tries them again."
        )


def parse_lengths(text: str) -> tuple[int, ...]:
    """Reads `10,20,40`.

    Raises:
        InputError: if these are no numbers.
    """
    words = [word.strip() for word in text.split(",") if text]
    if not all(word.isdecimal() and len(word) < 7 for word in words):
        raise InputError(f"--lengths must read like 10,20,40. Received: {text!r}.")
    return tuple(map(int, words))


def _other_data(runs: Sequence[Run]) -> dict[Run, str]:
    """The runs of other data, with a file that has changed."""
    return {run: path for run in runs if (path := other_data(run))}


def _describe(changed: Mapping[Run, str]) -> str:
    path, names = next(iter(changed.values())), ", ".join(run.folder.name for run in changed)
    return f"{path} has changed since these runs were started: {names}"


def _set_aside(changed: Mapping[Run, str], folder: Path, console: Console) -> None:
    if changed:
        new = set_aside(list(changed), folder)
        said = f"{_describe(changed)}; they are trained again, and the old ones are in {new}."
        console.print(said, markup=False)


def _by_reason(refused: Sequence[Refused]) -> dict[str, list[str]]:
    """The combinations that are left out, those of one reason together."""
    found: dict[str, list[str]] = {}
    for each in refused:
        found.setdefault(each.reason, []).append(each.label)
    return found


def _train(runs: Sequence[Run], plan: Plan, console: Console) -> list[Failure]:
    missing = [run for run in runs if not is_complete(run, plan.lengths)]
    if len(missing) < len(runs):
        console.print(f"{len(runs) - len(missing)} of {len(runs)} runs were finished before.")
    if not missing:
        return []
    with _Board(missing, console) as board:
        return run_all(
            missing,
            jobs=plan.jobs,
            lengths=plan.lengths,
            on_start=board.start,
            on_end=board.end,
            on_wait=board.update,
        )


class _Board:
    """A bar for all runs and one for each that is at work; a line for each that ends."""

    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        self._progress = Progress(*columns, console=console, transient=True)
        self._console = console
        self._all = self._progress.add_task("runs", total=len(runs))
        self._tasks: dict[Path, tuple[Run, TaskID]] = {}
        self._runs = len(runs)
        self._ended = 0

    def __enter__(self) -> _Board:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def start(self, run: Run) -> None:
        """Adds a bar."""
        epochs = run.recipe.training.epochs
        task = self._progress.add_task(run.folder.name, total=epochs)
        self._tasks[run.folder] = run, task

    def end(self, run: Run, failure: Failure | None) -> None:
        """Removes it, and says what came of the run."""
        _, task = self._tasks.pop(run.folder)
        self._progress.remove_task(task)
        self._progress.advance(self._all)
        self._ended += 1
        said = f"failed: {failure.reason}" if failure else _in_words(run)
        line = f"{self._ended}/{self._runs}  {run.folder.name}  {said}"
        self._console.print(line, markup=False)

    def update(self) -> None:
        """Shows how far the runs are; where steps between validations count, by their number."""
        for run, task in self._tasks.values():
            done, _ = RunFolder(run.folder).last_checkpoint()
            self._progress.update(task, completed=done)


def _in_words(run: Run) -> str:
    result = read_result(run)
    if result is None or result.value is None:
        return "finished"
    minutes = "" if result.minutes is None else f"  {result.minutes:.1f} minutes"
    return f"{result.metric} {format_value(result.metric, result.value)}{minutes}"


def _names_of_lengths(runs: Sequence[Run], plan: Plan) -> list[str]:
    every = (name for run in runs for name in wanted_lengths(run.recipe, plan.lengths))
    return list(dict.fromkeys(every))


def _report(rows: Sequence[Row], lengths: Sequence[str], plan: Plan) -> None:
    for cells in format_tables(rows, lengths):
        _print(cells)
    if plan.seeds > 1:
        print(f"means of {plan.seeds} seeds (least–largest)")
    if poor := poorly_aligned(rows):
        print(
            f"note: these weights do not align well, their alignment error is over "
            f"{HIGH_ERROR:.0%}: {', '.join(poor)}."
        )
    paths = save_table(rows, plan.folder, lengths)
    for path in [*paths, *plot_comparison(rows, plan.folder, lengths)]:
        print(f"Wrote {path}")


def _print(cells: Sequence[Sequence[str]]) -> None:
    table = Table(*cells[0])
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for line in cells[1:]:
        table.add_row(*map(Text, line))
    width = None if sys.stdout.isatty() else _WIDTH
    Console(highlight=False, width=width).print(table)
