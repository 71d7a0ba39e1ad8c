"""`data`: says where a public data set comes from, checks a folder that has it, or fetches it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from keras_attention.errors import InputError
from keras_attention.training.data.dataset_folder import Report, check_folder
from keras_attention.training.data.datasets import DataFile, Dataset, find_dataset
from keras_attention.training.data.fetch import Opener, fetch_file, open_url


def run_data(
    name: str,
    folder: Path | None = None,
    languages: str = "",
    *,
    fetch: bool = False,
    opener: Opener = open_url,
) -> None:
    """Describes a data set, and checks or completes its folder.

    Args:
        name: the data set's.
        folder: where it is; `None` for the folder that its recipes read.
        languages: codes with commas between; empty for those that are there, or all.
        fetch: fetch what is missing first.
        opener: how to open a URL.

    Raises:
        InputError: if there is no such data set or language, a file is missing or unusable, or
            cannot be fetched.
    """
    dataset = find_dataset(name)
    folder = folder or Path("data", dataset.name)
    codes = [code.strip() for code in languages.split(",")] if languages else []
    dataset.files(codes)
    _describe(dataset)
    if fetch:
        _fetch_all(_missing(dataset, folder, codes), folder, opener)
    report = check_folder(dataset, folder, codes or (dataset.languages if fetch else ()))
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if report.missing:
        raise InputError(_what_is_missing(dataset, folder, report, languages))
    _print_complete(dataset, folder, report)


def _missing(dataset: Dataset, folder: Path, codes: Sequence[str]) -> list[DataFile]:
    try:
        return check_folder(dataset, folder, codes or dataset.languages).missing
    except InputError as error:
        raise InputError(f"{error} Nothing that exists is overwritten: remove it first.") from None


def _describe(dataset: Dataset) -> None:
    rows = {
        dataset.name: dataset.title,
        "from": dataset.source,
        "licence": dataset.licence,
        "languages": ", ".join(dataset.languages),
        "recipes": ", ".join(dataset.recipes),
    }
    for key, value in rows.items():
        print(f"{key:<10} {value}")


def _fetch_all(files: Sequence[DataFile], folder: Path, opener: Opener) -> None:
    """Fetches one file after the other, with a bar each where someone watches."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for file in files:
            task = progress.add_task(file.path, total=None)
            fetch_file(file, folder, opener=opener, advance=partial(progress.advance, task))
            progress.update(task, total=progress.tasks[task].completed)
            print(f"Fetched {folder / file.path}")


def _what_is_missing(dataset: Dataset, folder: Path, report: Report, languages: str) -> str:
    first, *others = report.missing
    more = f" and {len(others)} more of its files are" if others else " is"
    some = f" --languages {','.join(report.languages)}" if languages or report.lines else ""
    return (
        f"{folder / first.path}{more} missing; `keras-attention data {dataset.name} "
        f"{shlex.quote(str(folder))}{some} --fetch` downloads what is missing."
    )


def _print_complete(dataset: Dataset, folder: Path, report: Report) -> None:
    count = f"{len(report.lines)} file{'s' if len(report.lines) > 1 else ''}"
    print(f"{folder}: complete, {count} of {', '.join(report.languages)}.")
    absent = [code for code in dataset.languages if code not in report.languages]
    if absent:
        print(f"Not there: {', '.join(absent)}; --languages CODES --fetch downloads more.")
