"""The check of a data set's folder: missing files, damaged files and other versions."""

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
    """The files of a data set that a folder has, and those that are missing.

    Attributes:
        languages: the requested languages, or those that have a file.
        lines: the number of lines of each existing file.
        missing: the missing files.
        warnings: sentences about files that are usable but differ from the version with which
            published results were made.
    """

    languages: list[str]
    lines: dict[DataFile, int] = field(default_factory=dict)
    missing: list[DataFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_folder(
    dataset: Dataset, folder: str | os.PathLike[str], languages: Sequence[str] = ()
) -> FolderReport:
    """Check which files of a data set a folder has.

    Args:
        dataset: the data set.
        folder: its folder.
        languages: the languages to check; by default those that have a file, or all if none has.

    Returns:
        The existing and the missing files.

    Raises:
        InputError: if the data set does not have a language, the folder is a file, a file cannot
            be used, or parallel files have different numbers of lines.
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
    """Return the languages that have a file in the folder."""
    return [
        language
        for language in dataset.languages
        if any(os.path.lexists(Path(folder, file.path)) for file in dataset.files([language]))
    ]


def check_lines(file: DataFile, lines: Iterable[str], name: str) -> int:
    """Check the lines of a file, and return their number.

    Args:
        file: the expected file.
        lines: the lines.
        name: the file's name in error messages.

    Raises:
        InputError: if there is no text, an empty line is followed by text, or a pair has no source
            or no target.
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
    """Return a sentence for each number of lines that differs from the published version."""
    differing: dict[tuple[int, int], list[str]] = defaultdict(list)
    for file, lines in report.lines.items():
        if lines != file.lines:
            differing[lines, file.lines].append(str(Path(folder, file.path)))
    return [
        f"{', '.join(paths)}: {lines} lines, but the version of published results has {expected}."
        for (lines, expected), paths in differing.items()
    ]
