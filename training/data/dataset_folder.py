"""A data set's folder: which of its files are there, and whether they are what they should be."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_lines

from .datasets import DataFile, Dataset
from .pair_files import check_parallel, filled_lines, table_pairs
from .tables import Layout


@dataclass
class FolderReport:
    """What a folder holds of a data set.

    Attributes:
        languages: those of which there is a file, or that were asked for.
        lines: how many lines each file has that is there.
        missing: files that are not.
        warnings: sentences on files that can be used, but are not those of published results.
    """

    languages: list[str]
    lines: dict[DataFile, int] = field(default_factory=dict)
    missing: list[DataFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_folder(
    dataset: Dataset, folder: str | os.PathLike[str], languages: Sequence[str] = ()
) -> FolderReport:
    """Reads what a folder holds of a data set.

    Args:
        dataset: what should be there.
        folder: where.
        languages: which languages; none named: those of which there is a file, all if there is
            none.

    Returns:
        What is there and what is missing.

    Raises:
        InputError: if the data set does not have a language, the folder is a file, a file cannot
            be used, or parallel files differ in length.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InputError(f"{os.fspath(folder)}: expected a folder. Received: a file.")
    chosen = list(dict.fromkeys(languages)) or present_languages(dataset, folder)
    report = FolderReport(chosen or list(dataset.languages))
    for file in dataset.files(report.languages):
        path = Path(folder, file.path)
        if os.path.lexists(path):
            report.lines[file] = check_lines(file, read_lines(path), os.fspath(path))
        else:
            report.missing.append(file)
    _check_parallel(report, folder)
    report.warnings += _unpublished(report, folder)
    return report


def present_languages(dataset: Dataset, folder: str | os.PathLike[str]) -> list[str]:
    """The languages of which a folder holds a file."""
    return [
        language
        for language in dataset.languages
        if any(os.path.lexists(Path(folder, file.path)) for file in dataset.files([language]))
    ]


def check_lines(file: DataFile, lines: Iterable[str], name: str) -> int:
    """Checks the text of a file.

    Args:
        file: what it should be.
        lines: its lines.
        name: what to call it in errors.

    Returns:
        The number of lines.

    Raises:
        InputError: if there is none, one is empty, or one of pairs has no source or no target.
    """
    rows = table_pairs(lines, name, Layout()) if file.pairs else filled_lines(lines, name)
    return sum(1 for _ in rows)


def _check_parallel(report: FolderReport, folder: str | os.PathLike[str]) -> None:
    first: dict[str, DataFile] = {}
    for file, lines in report.lines.items():
        other = first.setdefault(file.part, file) if file.part else file
        check_parallel(
            (Path(folder, other.path), report.lines[other]), (Path(folder, file.path), lines)
        )


def _unpublished(report: FolderReport, folder: str | os.PathLike[str]) -> list[str]:
    """A sentence on each number of lines that is not the published one."""
    differing: dict[tuple[int, int], list[str]] = defaultdict(list)
    for file, lines in report.lines.items():
        if lines != file.lines:
            differing[lines, file.lines].append(str(Path(folder, file.path)))
    return [
        f"{', '.join(paths)}: {lines} lines, where the version of published results has {expected}."
        for (lines, expected), paths in differing.items()
    ]
