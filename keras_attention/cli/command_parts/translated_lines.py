"""Translates lines as they arrive, and writes the translations."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TextIO

from keras_attention.cli.command_parts.translation_columns import Columns
from keras_attention.cli.lines import (
    STANDARD_INPUT,
    Batch,
    Line,
    OnError,
    available_batches,
    check_output,
    open_lines_or_errors,
)
from keras_attention.cli.progress import Advance, show_progress, shows_progress
from keras_attention.cli.runtimes import Translate
from keras_attention.cli.stopping import advise_on_output
from keras_attention.errors import InputError, TextError
from keras_attention.files.text_files import write_atomically
from keras_attention.translation.result import Translation


def run_translate(
    translate: Translate,
    file: str,
    size: int,
    columns: Columns,
    *,
    on_error: OnError = OnError.STOP,
    output: Path | None = None,
) -> None:
    """Translate the lines of a file as they arrive, and print the translations or write a file.

    Args:
        translate: the translator.
        file: the file, or `-` for standard input.
        size: largest number of lines translated together.
        columns: the parts of each translation to print.
        on_error: what to do with a line that cannot be used.
        output: the file to write, which appears when it is complete; default standard output.

    Raises:
        InputError: if a file cannot be read or written. With `OnError.STOP`, also if a line cannot
            be used; the translations of the lines before it are printed first.
    """
    check_output(output, file)
    problems = _Problems(STANDARD_INPUT if file == "-" else file, on_error)
    missing = doubtful = 0
    with _writer(output) as out, _progress(file, output) as advance:
        for batch in available_batches(open_lines_or_errors(file), size):
            for number, line, found in zip(*batch, translate_lines(translate, batch), strict=True):
                if isinstance(found, Translation):
                    missing += not found.hypotheses
                    doubtful += columns.needs_check(found)
                    lines = columns.lines(found, number)
                else:
                    problem = problems.report(found, number)
                    lines = columns.empty_lines(line, number, problem)
                    if on_error is OnError.SKIP:
                        continue
                out.writelines(f"{each}\n" for each in lines)
            out.flush()
            advance(len(batch.lines))
    problems.report_count()
    _note_missing_outputs(missing)
    if columns.minimum:
        least = columns.minimum.least
        print(f"lines below a confidence of {least:.4g}: {doubtful}", file=sys.stderr)


def translate_lines(translate: Translate, batch: Batch) -> Iterator[Translation | InputError]:
    """Yield the translation of each line of a batch, or the error if it cannot be used."""
    first = 0
    while first < len(batch.lines):
        line = batch.lines[first]
        if isinstance(line, InputError):
            yield line
            first += 1
            continue
        rest = takewhile(lambda each: isinstance(each, str), batch.lines[first:])
        texts = [str(each) for each in rest]
        try:
            for _, translation in zip(texts, translate(texts), strict=True):
                yield translation
                first += 1
        except TextError as error:
            yield error
            first += 1


def _note_missing_outputs(count: int) -> None:
    """Print on standard error how many lines have no hypothesis, if any."""
    if count:
        print(
            f"note: lines without output because no hypothesis has a finite score: {count}; the "
            "model's weights may be damaged.",
            file=sys.stderr,
        )


@dataclass
class _Problems:
    """Reports the lines that cannot be used, and counts them."""

    name: str
    on_error: OnError
    count: int = 0

    def report(self, error: InputError, number: int) -> str:
        """Print the problem of a line and return it, or raise it with `OnError.STOP`."""
        problem = str(error)
        if isinstance(error, TextError):
            problem = f"{self.name}, line {number + 1}: {error.problem}"
        if self.on_error is OnError.STOP:
            raise InputError(problem)
        self.count += 1
        print(problem, file=sys.stderr)
        return problem

    def report_count(self) -> None:
        """Print the number of lines that cannot be used, if there are any."""
        if self.count:
            done = "skipped" if self.on_error is OnError.SKIP else "left empty"
            lines = "line that" if self.count == 1 else "lines that"
            print(f"{done} {self.count} {lines} cannot be used.", file=sys.stderr)


@contextmanager
def _writer(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with advise_on_output(output), write_atomically(output) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8", newline="") as out:
            yield out


def _progress(file: str, output: Path | None) -> AbstractContextManager[Advance]:
    """Show progress on a terminal, unless translations are printed there too."""
    if not shows_progress(prints=output is None):
        return nullcontext(lambda count: None)
    counted = file != "-" and Path(file).is_file()  # a pipe can be read only once
    total = _count(open_lines_or_errors(file)) if counted else None
    return show_progress(total, unit="lines")


def _count(lines: Iterable[Line]) -> int:
    return sum(1 for _ in lines)
