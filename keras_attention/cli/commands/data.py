"""The command `data`: describes a public data set, and checks or downloads its folder."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.training.data.dataset_folder import FolderReport
    from keras_attention.training.data.datasets import DataFile, Dataset


def data(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the data set: multi30k, g2p or tatoeba.")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The folder of the data set.  [default: data/NAME]"),
    ] = None,
    languages: Annotated[
        str,
        typer.Option(
            metavar="CODES",
            help="Languages to check or download, separated by commas.  [default: the languages "
            "in the folder; all languages with --fetch or if the folder has none]",
        ),
    ] = "",
    fetch: Annotated[
        bool,
        typer.Option("--fetch", help="Download missing files; existing files are never changed."),
    ] = False,
) -> None:
    """Show the source and licence of a public data set, and check or fetch its folder.

    Use it before you train a recipe that reads the data set. It reports missing and damaged files;
    it downloads only with --fetch.

    Example: keras-attention data multi30k data/multi30k --fetch
    """
    from keras_attention.training.data.dataset_folder import check_folder
    from keras_attention.training.data.datasets import find_dataset

    dataset = find_dataset(name)
    folder = folder or Path("data", dataset.name)
    codes = [code.strip() for code in languages.split(",")] if languages else []
    dataset.files(codes)
    _describe(dataset)
    if fetch:
        _fetch_all(_missing(dataset, folder, codes), folder)
    report = check_folder(dataset, folder, codes or (dataset.languages if fetch else ()))
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if report.missing:
        raise InputError(_describe_missing(dataset, folder, report, languages))
    _print_complete(dataset, folder, report)


def _missing(dataset: "Dataset", folder: Path, codes: Sequence[str]) -> "list[DataFile]":
    from keras_attention.training.data.dataset_folder import check_folder

    try:
        return check_folder(dataset, folder, codes or dataset.languages).missing
    except InputError as error:
        raise InputError(f"{error} Remove the file first: existing files are kept.") from None


def _describe(dataset: "Dataset") -> None:
    rows = {
        dataset.name: dataset.title,
        "from": dataset.source,
        "licence": dataset.licence,
        "languages": ", ".join(dataset.languages),
        "recipes": ", ".join(dataset.recipes),
    }
    for key, value in rows.items():
        print(f"{key:<10} {value}")


def _fetch_all(files: "Sequence[DataFile]", folder: Path) -> None:
    """Download the files one after the other, each with a progress bar on a terminal."""
    from rich.progress import DownloadColumn

    from keras_attention.cli.progress import Bar, TimeLeftColumn, progress_bars
    from keras_attention.training.data import fetch

    def open_url(url: str) -> Any:
        """Open a URL, and set the total of the current bar to its size if the server sends it."""
        response = fetch.open_url(url)
        size = response.headers.get("Content-Length") or ""
        if size.isdecimal():
            progress.update(bar.task, total=int(size))
        return response

    with progress_bars(DownloadColumn(), TimeLeftColumn()) as progress:
        for file in files:
            bar = Bar(progress, file.path, None)
            fetch.fetch_file(file, folder, opener=open_url, advance=bar.advance)
            progress.update(bar.task, total=progress.tasks[bar.task].completed)
            print(f"Fetched {folder / file.path}")


def _describe_missing(
    dataset: "Dataset", folder: Path, report: "FolderReport", languages: str
) -> str:
    import shlex

    first, *others = report.missing
    more = f" and {len(others)} more of its files are" if others else " is"
    some = f" --languages {','.join(report.languages)}" if languages or report.lines else ""
    return (
        f"{folder / first.path}{more} missing; `keras-attention data {dataset.name} "
        f"{shlex.quote(str(folder))}{some} --fetch` downloads what is missing."
    )


def _print_complete(dataset: "Dataset", folder: Path, report: "FolderReport") -> None:
    count = f"{len(report.lines)} file{'s' if len(report.lines) > 1 else ''}"
    print(f"{folder}: complete, {count} of {', '.join(report.languages)}.")
    absent = [code for code in dataset.languages if code not in report.languages]
    if absent:
        print(f"Not in the folder: {', '.join(absent)}. Add them with --languages CODES --fetch.")
