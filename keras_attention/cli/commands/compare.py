"""The command `compare`: trains variants of a recipe and compares their quality."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import Overrides
from keras_attention.cli.stopping import advise_on_stop
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from keras_attention.training.compare.comparison import Run
    from keras_attention.training.compare.jobs import Failure
    from keras_attention.training.compare.variants import Refused


def compare(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="The name of a recipe, such as copy, or a .toml file."
        ),
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="A setting and the values to compare, separated by commas. Repeat the option to "
            "train all combinations.",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="Train one more variant with these settings; name=NAME sets its name; repeatable.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            max=1_000,
            metavar="N",
            help="Number of runs of each variant. Their seeds are consecutive numbers, which begin "
            "with the recipe's seed.",
        ),
    ] = 1,
    overrides: Overrides = None,
    lengths: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Also measure quality at these source lengths, in tokens: on 500 new pairs of "
            "each length for the tasks copy, reverse and date-sentences, otherwise on the held-out "
            "pairs, grouped by length.  [default: none]",
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder of the comparison.  [default: saved_models/compare-NAME]",
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of runs that train at the same time; they share the CPU threads.",
        ),
    ] = 1,
    show: Annotated[
        bool,
        typer.Option("--show", help="Report the runs that have finished, without training."),
    ] = False,
) -> None:
    """Train variants of a recipe, and report the quality of each in a table and in plots.

    Use it to choose a mechanism or a setting. Several seeds show whether a difference is larger
    than chance. To continue after an interruption, run the same command again; it does not train
    finished runs again. If the data has changed, it moves the older runs into a subfolder and
    trains them again. With --show, it only marks their rows.

    Example: keras-attention compare copy --vary attention=bahdanau,luong,none --seeds 3
    """
    from rich.console import Console

    from keras_attention.cli.command_parts.comparison_report import report_comparison
    from keras_attention.training.compare.comparison import plan_runs
    from keras_attention.training.compare.comparison_table import make_rows
    from keras_attention.training.compare.variants import expand_grid
    from keras_attention.training.evaluation.by_length import check_lengths, wanted_lengths

    tested = _parse_lengths(lengths)
    grid = expand_grid(recipe, overrides or [], vary=vary or [], also=also or [])
    folder = output or Path("saved_models") / f"compare-{grid.variants[0].recipe.name}"
    for variant in grid.variants:
        check_lengths(variant.recipe, tested)
    runs = plan_runs(grid.variants, seeds, folder)
    console = Console(highlight=False, soft_wrap=True)
    for reason, labels in _by_reason(grid.refused).items():
        console.print(f"not trained: {', '.join(labels)}: {reason}", markup=False)
    failures = [] if show else _train_missing(runs, folder, jobs, tested, console)
    if changed := _other_data(runs):
        print(f"note: {_describe(changed)}; their rows are marked.", file=sys.stderr)
    rows = make_rows(runs)
    if any(row.results for row in rows):
        every = (name for run in runs for name in wanted_lengths(run.recipe, tested))
        report_comparison(rows, list(dict.fromkeys(every)), folder, seeds=seeds)
    elif not failures:
        raise InputError(f"{folder}: no run of this comparison has finished yet.")
    if failures:
        raise InputError(_describe_failures(failures, len(runs)))


def _parse_lengths(text: str) -> tuple[int, ...]:
    """Parse lengths such as "10,20,40"."""
    words = [word.strip() for word in text.split(",") if text]
    if not all(word.isdecimal() and len(word) < 7 for word in words):
        raise InputError(f"--lengths must be numbers such as 10,20,40. Received: {text!r}.")
    return tuple(map(int, words))


def _train_missing(
    runs: "Sequence[Run]", folder: Path, jobs: int, lengths: tuple[int, ...], console: "Console"
) -> "list[Failure]":
    """Lock the folder, and train the runs that are missing or used other data."""
    from keras_attention.files.folder_lock import hold_folder
    from keras_attention.files.workspaces import find_leftovers
    from keras_attention.training.compare.comparison import set_aside

    with advise_on_stop("Run the same command again to continue."), hold_folder(folder):
        for leftover in find_leftovers(folder):
            shutil.rmtree(leftover)
        if changed := _other_data(runs):
            new = set_aside(list(changed), folder)
            note = f"{_describe(changed)}; they are trained again. The old runs are now in {new}."
            console.print(note, markup=False)
        return _train(runs, jobs, lengths, console)


def _train(
    runs: "Sequence[Run]", jobs: int, lengths: tuple[int, ...], console: "Console"
) -> "list[Failure]":
    from keras_attention.cli.command_parts.run_bars import show_runs
    from keras_attention.training.compare.comparison import is_complete
    from keras_attention.training.compare.jobs import run_all

    missing = [run for run in runs if not is_complete(run, lengths)]
    if len(missing) < len(runs):
        console.print(f"{len(runs) - len(missing)} of {len(runs)} runs are already finished.")
    if not missing:
        return []
    with show_runs(missing, console) as bars:
        return run_all(
            missing,
            jobs=jobs,
            lengths=lengths,
            on_start=bars.start,
            on_end=bars.end,
            on_wait=bars.update,
        )


def _other_data(runs: "Sequence[Run]") -> "dict[Run, str]":
    """Return the runs whose data has changed, each with the path of a changed file."""
    from keras_attention.training.compare.comparison import other_data

    return {run: path for run in runs if (path := other_data(run))}


def _describe(changed: "Mapping[Run, str]") -> str:
    path, names = next(iter(changed.values())), ", ".join(run.folder.name for run in changed)
    return f"{path} has changed since these runs were started: {names}"


def _describe_failures(failures: "Sequence[Failure]", runs: int) -> str:
    """Return which runs failed and what to do; their reasons have been printed before."""
    names = ", ".join(failure.run.folder.name for failure in failures)
    if all(failure.by_input for failure in failures):
        advice = "Correct what the lines above report; the same input would fail again."
    else:
        advice = "Their .log files show the reason. Run the same command again to repeat them."
    return f"{len(failures)} of {runs} runs failed: {names}. {advice}"


def _by_reason(refused: "Sequence[Refused]") -> dict[str, list[str]]:
    """Return the labels of the combinations that are not trained, by reason."""
    found: dict[str, list[str]] = {}
    for each in refused:
        found.setdefault(each.reason, []).append(each.label)
    return found
