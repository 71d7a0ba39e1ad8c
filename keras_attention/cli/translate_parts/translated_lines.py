"""Translates lines as they arrive, and writes the translations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from keras_attention.cli.lines import (
    Batch,
    InputLines,
    Line,
    OnError,
    Reader,
    UnusableLine,
    available_batches,
    check_output,
    full_batches,
)
from keras_attention.cli.progress import Advance, show_progress, shows_progress
from keras_attention.cli.runtimes import NumberedTranslate
from keras_attention.cli.translate_parts.outputs import Tally, open_output
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.errors import InputError, TextError
from keras_attention.files.partial_file import unfinished_files
from keras_attention.text.unknown_tokens import UnknownTokens
from keras_attention.text.usable_texts import answer_each
from keras_attention.translation.result import Translate, Translation


class Finished(NamedTuple):
    """The output of a line.

    Attributes:
        lines: the lines to print.
        missing: whether the model found no hypothesis.
        doubtful: whether the output is marked for a check.
        unknown: the first source token that the model does not know, as a list that is empty if
            there is none.
    """

    lines: list[str]
    missing: bool
    doubtful: bool
    unknown: Sequence[str] = ()


Answer = Finished | InputError
"""The output of a line, or the error that explains why it cannot be used."""

AnswerAll = Callable[[Iterator[Batch], int], Iterator[tuple[Batch, Iterable[Answer]]]]
"""A function from batches, and the number of their first text, to each batch with its answers."""


def run_translate(
    answer_all: AnswerAll,
    file: str,
    size: int,
    columns: Columns,
    *,
    on_error: OnError = OnError.STOP,
    output: Path | None = None,
    resume: bool = False,
    made_by: Mapping[str, Any] = MappingProxyType({"model": "", "options": {}}),
    reader: Reader | None = None,
) -> None:
    """Translate the lines of a file as they arrive, and print the translations or write a file.

    Args:
        answer_all: translates the batches, in this process or in others.
        file: the file, a pattern that matches files, or `-` for standard input.
        size: largest number of lines translated together.
        columns: the parts of each translation to print.
        on_error: what to do with a line that cannot be used.
        output: the file to write, which appears when it is complete. Default: standard output.
        resume: whether to continue the output of an interrupted command.
        made_by: the model and the options; see `open_output`.
        reader: see `InputLines`.

    Raises:
        InputError: if a file cannot be read or written. With `OnError.STOP`, also if a line cannot
            be used; the translations of the lines before it are printed first.
    """
    unfinished = unfinished_files(output) if output else ()
    source = InputLines(file, besides=unfinished, reader=reader)
    for path in (output, *unfinished):
        check_output(path, *source.files)
    with open_output(output, made_by, resume=resume) as out:
        lines = iter(source)
        tally = Tally.of_earlier(out.earlier, lines, source.name) if out.earlier else Tally()
        cut = full_batches if source.are_in_files else available_batches
        batches = cut(lines, size, first=tally.lines)
        problems = Problems(source, on_error, tally)
        with _progress(source, output, tally.lines) as advance:
            for batch, answers in answer_all(batches, tally.texts):
                for number, line, answer in zip(*batch, answers, strict=True):
                    out.write(_lines_of(answer, line, number, columns, problems))
                tally.add(batch.lines)
                out.end_batch(tally)
                if source.are_typed:
                    problems.report_unknown(len(batch.lines))
                advance(len(batch.lines))
    problems.report_count()
    problems.report_unknown(tally.lines)
    _note_missing_outputs(tally.missing)
    if columns.minimum:
        least = columns.minimum.least
        print(f"lines below a confidence of {least:.4g}: {tally.doubtful}", file=sys.stderr)


def answer_here(numbered: NumberedTranslate, columns: Columns) -> AnswerAll:
    """Return a function that translates batches in this process, one line at a time."""

    def answer_all(
        batches: Iterator[Batch], first: int
    ) -> Iterator[tuple[Batch, Iterable[Answer]]]:
        translate = numbered(first)
        for batch in batches:
            yield batch, answer_batch(translate, columns, batch)

    return answer_all


def answer_batch(translate: Translate, columns: Columns, batch: Batch) -> Iterator[Answer]:
    """Yield the answer to each line of a batch."""
    for number, found in zip(batch.numbers, answer_each(translate, batch.lines), strict=True):
        if isinstance(found, Translation):
            printed = list(columns.lines(found, number))
            unknown = (found.unknown_tokens or ())[:1]
            yield Finished(printed, not found.hypotheses, columns.needs_check(found), unknown)
        else:
            yield found


def _lines_of(
    answer: Answer, line: Line, number: int, columns: Columns, problems: Problems
) -> list[str]:
    """Return the lines to print for a line, and count its answer."""
    if isinstance(answer, Finished):
        problems.tally.missing += answer.missing
        problems.tally.doubtful += answer.doubtful
        problems.note_unknown(answer.unknown, number)
        return answer.lines
    problem = problems.report(answer, number)
    if problems.on_error is OnError.SKIP:
        return []
    return list(columns.empty_lines(line, number, problem))


def _note_missing_outputs(count: int) -> None:
    """Print on standard error how many lines have no hypothesis, if any."""
    if count:
        print(
            f"note: lines without output because no hypothesis has a finite score: {count}; the "
            "model's weights may be damaged.",
            file=sys.stderr,
        )


@dataclass
class Problems:
    """Reports the lines that cannot be used or have unknown tokens, and counts them."""

    source: InputLines
    on_error: OnError
    tally: Tally

    def report(self, error: InputError, number: int) -> str:
        """Print the problem of a line and return it, or raise it with `OnError.STOP`."""
        problem = str(error)
        if isinstance(error, TextError):
            problem = f"{self.source.place(number)}: {error.problem}"
        if self.on_error is OnError.STOP:
            raise UnusableLine(problem)
        self.tally.unusable += 1
        print(problem, file=sys.stderr)
        return problem

    def report_count(self) -> None:
        """Print the number of lines that cannot be used, if there are any."""
        if count := self.tally.unusable:
            done = "skipped" if self.on_error is OnError.SKIP else "left empty"
            lines = "line that" if count == 1 else "lines that"
            print(f"{done} {count} {lines} cannot be used.", file=sys.stderr)

    def note_unknown(self, tokens: Sequence[str], number: int) -> None:
        """Remember the tokens of a line that the model does not know, if there are any."""
        if tokens:
            self.tally.unknown.add(tokens, self.source.place(number))

    def report_unknown(self, total: int) -> None:
        """Print how many of the last `total` lines have unknown tokens, if there are any."""
        if note := self.tally.unknown.note(total):
            print(note, file=sys.stderr)
            self.tally.unknown = UnknownTokens()


def _progress(
    source: InputLines, output: Path | None, done: int
) -> AbstractContextManager[Advance]:
    """Show progress on a terminal, unless translations are printed there too."""
    if not shows_progress(prints=output is None):
        return nullcontext(lambda count: None)
    total = source.count() if source.are_in_files else None
    return show_progress(total, unit="lines", done=done)
